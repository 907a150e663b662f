from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from muniment.kit.operational import find_operational_rule
from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings
from tests.support.database import TestDatabase

Superuser = Callable[[str], Awaitable[None]]


class TestRestingConnections:
    """A restart of the server while nobody asks anything is noticed before anybody is hurt."""

    @pytest.fixture
    async def engine(self, database: TestDatabase) -> AsyncIterator[AsyncEngine]:
        engine = create_engine(database.urls.serving, DatabaseSettings(), application="resting")
        yield engine
        await engine.dispose()

    async def rest(self, engine: AsyncEngine, as_superuser: Superuser, count: int) -> None:
        """Fill the pool, cut every connection, and let them seem to have rested for long."""
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(engine.connect()) for _ in range(count)]
            for connection in opened:
                await connection.execute(text("select 1"))
        await as_superuser(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = 'resting'"
        )

    async def test_are_replaced_all_at_once(
        self, engine: AsyncEngine, as_superuser: Superuser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.rest(engine, as_superuser, 3)
        monkeypatch.setattr("muniment.postgres.resting.LONG_REST_S", 0.0)

        async with AsyncExitStack() as stack:
            for _ in range(3):
                connection = await stack.enter_async_context(engine.connect())
                assert await connection.scalar(text("select 1")) == 1

    async def test_that_were_just_used_are_not_asked(
        self, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[object] = []
        monkeypatch.setattr(engine.dialect, "do_ping", asked.append)
        for rest_s, has_to_be_asked in ((60.0, False), (0.0, True)):
            monkeypatch.setattr("muniment.postgres.resting.LONG_REST_S", rest_s)
            for _ in range(2):
                async with engine.connect():
                    pass
            assert bool(asked) == has_to_be_asked

    async def test_cost_one_failure_that_passes(
        self, engine: AsyncEngine, as_superuser: Superuser
    ) -> None:
        await self.rest(engine, as_superuser, 1)

        with pytest.raises(DBAPIError) as caught:
            async with engine.connect() as connection:
                await connection.execute(text("select 1"))
        rule = find_operational_rule(caught.value)
        assert rule is not None
        assert rule.name == "connection_lost"
        async with engine.connect() as connection:
            assert await connection.scalar(text("select 1")) == 1
