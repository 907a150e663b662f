import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Scope, Transactions
from tests.postgres.town import READER, Town
from tests.support.statements import counted_statements
from tests.support.wall_rows import add_document, add_grant

ODD_NAMES = ["group:/a,b", 'user:"x"', "group:/{a}", "group:/a\\b", "group:/Ä 中 '", "group:/%"]


@pytest.fixture
async def single(town: Town) -> AsyncIterator[Transactions]:
    """Transactions that all use one and the same connection."""
    settings = DatabaseSettings(pool_size=1)
    engine = create_engine(town.database.urls.serving, settings, application="test")
    yield Transactions(engine)
    await engine.dispose()


async def seen(session: AsyncSession) -> list[int]:
    found = await session.execute(text("select tenant_id from document order by 1"))
    return list(found.scalars())


async def setting(session: AsyncSession) -> str:
    found = await session.execute(text("select current_setting('muniment.tenant', true)"))
    return str(found.scalar_one() or "")


class TestScope:
    async def test_ends_with_its_transaction(self, single: Transactions) -> None:
        async with single.begin(Scope(1, READER)) as session:
            assert await seen(session) == [1]
            backend = await session.scalar(text("select pg_backend_pid()"))
        async with single.begin(None) as session:
            assert await session.scalar(text("select pg_backend_pid()")) == backend
            assert await setting(session) == ""
            assert await seen(session) == []

    async def test_ends_with_a_rollback(self, single: Transactions) -> None:
        with suppress(RuntimeError):
            async with single.begin(Scope(1, READER)) as session:
                assert await seen(session) == [1]
                raise RuntimeError
        async with single.begin(None) as session:
            assert await seen(session) == []

    async def test_is_the_next_customers_own(self, single: Transactions) -> None:
        for tenant in (1, 2, 1):
            async with single.begin(Scope(tenant, READER)) as session:
                assert await seen(session) == [tenant]

    async def test_survives_a_savepoint_that_is_rolled_back(self, single: Transactions) -> None:
        async with single.begin(Scope(1, READER)) as session:
            async with session.begin_nested() as inner:
                assert await seen(session) == [1]
                await inner.rollback()
            assert await seen(session) == [1]

    async def test_costs_no_connection_until_something_is_asked(self, single: Transactions) -> None:
        with counted_statements() as statements:
            async with single.begin(Scope(1)), single.begin(Scope(2)):
                pass
        assert statements == []

    async def test_of_two_sessions_at_once_stay_apart(self, town: Town) -> None:
        barrier = asyncio.Barrier(2)

        async def look(tenant: int) -> list[list[int]]:
            found = []
            async with town.database.serving.begin(Scope(tenant, READER)) as session:
                for _ in range(3):
                    await barrier.wait()
                    found.append(await seen(session))
            return found

        assert list(await asyncio.gather(look(1), look(2))) == [[[1]] * 3, [[2]] * 3]

    @pytest.mark.parametrize("name", ODD_NAMES)
    async def test_carries_every_name_unchanged(self, town: Town, name: str) -> None:
        async with town.database.owner.begin() as owner:
            await add_document(owner, town.mine, principals=[name])

        async with town.database.serving.begin(Scope(1, frozenset({name, "user:x"}))) as session:
            assert await seen(session) == [1]
        others = frozenset({*ODD_NAMES, "user:x"} - {name})
        async with town.database.serving.begin(Scope(1, others)) as session:
            assert await seen(session) == []

    def test_refuses_a_name_that_would_be_two(self) -> None:
        with pytest.raises(ValueError, match="separates names"):
            Scope(1, frozenset({"group:/x\x1frole:admin"}))


class TestTransactions:
    async def test_commit_at_the_end_of_the_block(self, town: Town) -> None:
        async with town.database.serving.begin(Scope(1)) as session:
            await add_grant(session, town.mine, "role:new")
        async with town.database.serving.begin(Scope(1)) as session:
            assert await self.count(session) == 2

    async def test_keep_nothing_of_a_block_that_failed(self, town: Town) -> None:
        with suppress(RuntimeError):
            async with town.database.serving.begin(Scope(1)) as session:
                await add_grant(session, town.mine, "role:new")
                raise RuntimeError
        async with town.database.serving.begin(Scope(1)) as session:
            assert await self.count(session) == 1

    async def count(self, session: AsyncSession) -> int:
        found = await session.execute(text("select count(*) from collection_grant"))
        return int(found.scalar_one())
