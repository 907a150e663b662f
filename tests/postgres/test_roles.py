"""A role that the walls would not hold is refused, in one sentence with one remedy."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from sqlalchemy import NullPool, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from muniment.postgres.embedded.roles import OWNER, WORKER
from muniment.postgres.engine import engine_url
from muniment.postgres.roles import (
    DatabaseProblem,
    UnfitDatabaseError,
    ensure_roles,
    role_problems,
    version_problems,
)
from tests.support.database import TestDatabase

# Roles belong to the whole server, which all test processes share: these tests stay in one of them.
pytestmark = pytest.mark.xdist_group("roles")

Superuser = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def signed_in(address: SecretStr) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(engine_url(address), poolclass=NullPool)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def problems(database: TestDatabase, name: str) -> list[DatabaseProblem]:
    """Sign in as a role that was made for the test, and look."""
    url = make_url(database.urls.serving.get_secret_value()).set(username=name, password="odd")
    address = SecretStr(url.render_as_string(hide_password=False))
    async with signed_in(address) as connection:
        return await role_problems(connection, worker=WORKER)


@pytest.fixture
async def odd(as_superuser: Superuser) -> AsyncIterator[str]:
    await as_superuser("create role odd login password 'odd'")
    yield "odd"
    await as_superuser("drop role odd")


class TestOurRoles:
    async def test_have_no_problems(self, database: TestDatabase) -> None:
        for address in (database.urls.serving, database.urls.worker):
            async with signed_in(address) as connection:
                assert await role_problems(connection, worker=WORKER) == []
                await ensure_roles(connection, worker=WORKER)


class TestMightyRoles:
    @pytest.mark.parametrize(
        ("change", "detail", "hint"),
        [
            ("alter role odd superuser", "The role odd is a superuser", "NOSUPERUSER"),
            ("alter role odd bypassrls", "The role odd has BYPASSRLS", "NOBYPASSRLS"),
            (f"grant {OWNER} to odd", "is a member of the role that owns", "REVOKE"),
            (f"grant {WORKER} to odd", f"is a member of {WORKER}", f"REVOKE {WORKER} FROM odd"),
        ],
    )
    async def test_are_told_with_a_remedy(
        self,
        database: TestDatabase,
        as_superuser: Superuser,
        odd: str,
        change: str,
        detail: str,
        hint: str,
    ) -> None:
        await as_superuser(change)

        found = await problems(database, odd)

        assert detail in found[0].detail
        assert hint in found[0].hint

    async def test_that_own_a_table_are_told(self, database: TestDatabase) -> None:
        async with signed_in(database.urls.owner) as connection:
            found = await role_problems(connection)

        assert [problem.detail for problem in found] == [
            f"The role {OWNER} owns tables: row-level security does not bind it.",
            f"The role {OWNER} may create objects in the schema public, beside the tables.",
            f"The role {OWNER} may create temporary tables, which are found before the real ones.",
        ]

    async def test_that_may_make_temporary_tables_are_told(
        self, database: TestDatabase, as_superuser: Superuser, odd: str
    ) -> None:
        name = make_url(database.urls.serving.get_secret_value()).database
        await as_superuser(f'grant temporary on database "{name}" to odd')
        try:
            found = await problems(database, odd)
        finally:
            await as_superuser(f'revoke temporary on database "{name}" from odd')

        assert [problem.detail for problem in found] == [
            "The role odd may create temporary tables, which are found before the real ones."
        ]
        assert found[0].hint == f"Run: REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC, odd"

    async def test_are_refused_with_the_first_problem(self, database: TestDatabase) -> None:
        async with signed_in(database.urls.owner) as connection:
            with pytest.raises(UnfitDatabaseError, match="owns tables") as refusal:
                await ensure_roles(connection)

        assert refusal.value.hint is not None


class TestVersions:
    @pytest.mark.parametrize(
        ("server", "vector", "details"),
        [
            (15, "0.8.0", []),
            (18, "0.10.1", []),
            (14, "0.8.5", ["The server is PostgreSQL 14; 15 is the oldest that works."]),
            (16, "0.7.4", ["The extension pgvector is 0.7.4; 0.8 is the oldest that works."]),
            (16, None, ["The extension pgvector is not installed in the database."]),
        ],
    )
    def test_that_are_too_old_are_told(
        self, server: int, vector: str | None, details: list[str]
    ) -> None:
        assert [each.detail for each in version_problems(server, vector)] == details
