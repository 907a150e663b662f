"""A PostgreSQL of somebody else's making: plain addresses, other names of roles and database."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import NullPool, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from muniment.app.tables import all_tables
from muniment.kit.errors import ConfigurationError
from muniment.ports.jobs import NewJob
from muniment.postgres import jobs
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import DatabaseUrls, create_engine, engine_url, role_name
from muniment.postgres.migrator import Migrator
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.roles import role_problems
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Scope, Transactions
from tests.support.database import migrate, walls_of
from tests.support.wall_rows import add_document, add_grant, add_library

# Roles belong to the whole server, which all test processes share: these tests stay in one of them.
pytestmark = pytest.mark.xdist_group("roles")

SETTINGS = DatabaseSettings(pool_size=2)
ROLES = ("own", "app", "Job-1")


@pytest.fixture
async def external(
    cluster: EmbeddedUrls, as_superuser: Callable[[str], Awaitable[None]]
) -> AsyncIterator[DatabaseUrls]:
    """What an administrator does who follows the guide, statement by statement."""
    for role in ROLES:
        await as_superuser(f"create role \"{role}\" login password 'p@ss/w:rd'")
    await as_superuser("create database customer owner own")
    base = make_url(cluster.superuser.get_secret_value()).set(database="customer")
    connection = await asyncpg.connect(base.render_as_string(hide_password=False))
    await connection.execute(
        "create extension vector; grant create on schema public to own;"
        " revoke temporary on database customer from public"
    )
    await connection.close()
    own, app, job = (
        SecretStr(
            base.set(username=role, password="p@ss/w:rd").render_as_string(hide_password=False)
        )
        for role in ROLES
    )
    yield DatabaseUrls(own, app, job)
    await as_superuser("drop database customer with (force)")
    for role in ROLES:
        await as_superuser(f'drop role "{role}"')


class TestExternalServer:
    async def test_is_migrated_walled_and_served_from(self, external: DatabaseUrls) -> None:
        await migrate(external)
        await Migrator(external.owner, all_tables()).compare()
        owner = create_async_engine(engine_url(external.owner), poolclass=NullPool)
        async with owner.begin() as connection:
            assert await walls_of(external).are_up(connection)
            library = await add_library(connection, 1)
            await add_grant(connection, library, "group:/readers")
            await add_document(connection, library)

        for address, scope in (
            (external.serving, Scope(1, frozenset({"group:/readers"}))),
            (external.worker, Scope(1)),
        ):
            engine = create_engine(address, SETTINGS, application="test")
            async with engine.connect() as connection:
                assert await role_problems(connection, worker="Job-1") == []
            transactions = Transactions(engine)
            async with transactions.begin(scope) as session:
                assert await session.scalar(text("select count(*) from document")) == 1
                await jobs.enqueue(session, [NewJob(1, "work", "key", {})])
            async with transactions.begin(None) as session:
                assert await session.scalar(text("select count(*) from document")) == 0
            await engine.dispose()
        async with PreparedReads(external.serving, SETTINGS) as reads:
            statement = "select tenant_id from muniment_sign_in($1, $2, $3)"
            row = await reads.row(statement, "https://issuer", "subject", "tenant-1")
        assert row == {"tenant_id": 1}

    async def test_works_without_kept_statements_behind_a_pooler(
        self, external: DatabaseUrls
    ) -> None:
        await migrate(external)
        pooled = DatabaseSettings(pool_size=2, pooler=True)
        engine = create_engine(external.serving, pooled, application="test")
        for _ in range(3):
            async with Transactions(engine).begin(Scope(1)) as session:
                kept = await session.scalar(text("select count(*) from pg_prepared_statements"))
                assert kept == 0
        await engine.dispose()


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "driver_address"),
        [
            ("postgresql://a@db/x", "postgresql+asyncpg://a@db/x"),
            ("postgres://a:b@db:1/x", "postgresql+asyncpg://a:b@db:1/x"),
            (
                "postgresql+psycopg://a@db/x?sslmode=require",
                "postgresql+asyncpg://a@db/x?ssl=require",
            ),
        ],
    )
    def test_of_postgresql_are_taken_in_every_spelling(
        self, address: str, driver_address: str
    ) -> None:
        url = engine_url(SecretStr(address))
        assert url.render_as_string(hide_password=False) == driver_address

    @pytest.mark.parametrize(
        ("address", "message"),
        [
            ("nonsense", "cannot be read"),
            ("mysql://a:secret@db/x", "only PostgreSQL"),
            ("postgresql://db:not-a-port/secret", "cannot be read"),
        ],
    )
    def test_that_cannot_work_are_refused_without_being_shown(
        self, address: str, message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message) as refusal:
            engine_url(SecretStr(address))
        assert "secret" not in str(refusal.value)

    def test_without_a_role_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="names no role"):
            role_name(SecretStr("postgresql://db/x"))
