"""A migrated database of its own for every test process, emptied after each test."""

import importlib.resources
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from pydantic import SecretStr
from sqlalchemy import NullPool, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from muniment.app.tables import all_tables
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import DatabaseUrls, create_engine, engine_url, role_name
from muniment.postgres.migrator import Migrator
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Transactions
from muniment.postgres.walls import Walls

SETTINGS = DatabaseSettings(pool_size=5)

# The spaces are gone with their rows; their indexes would slow every later test down.
_DROP_INDEXES = """
do $$ declare orphan name; begin
    for orphan in select relname from pg_class where relname like 'chunk_vector_space_%' loop
        execute format('drop index %I', orphan);
    end loop;
end $$;
"""


@dataclass(frozen=True)
class TestDatabase:
    """Engines of the three roles on one migrated database."""

    __test__ = False

    urls: DatabaseUrls
    owner: AsyncEngine
    """Sees through row-level security: for arranging and inspecting only."""
    serving: Transactions
    worker: Transactions
    cleaner: asyncpg.Connection
    """The owner's, kept open: to connect anew takes longer than to clean."""

    async def clean(self) -> None:
        """Empty every table in one go; DELETE beats TRUNCATE by far on small ones."""
        names = [table.name for table in reversed(all_tables().sorted_tables)]
        deletes = "".join(f'delete from "{name}";' for name in names)
        await self.cleaner.execute(deletes + _DROP_INDEXES)

    @asynccontextmanager
    async def temporary_tables(self) -> AsyncIterator[None]:
        """Let the serving role make temporary tables, which it may not otherwise."""
        url = engine_url(self.urls.serving)
        async with self.owner.begin() as connection:
            await connection.execute(
                text(f'grant temporary on database "{url.database}" to {url.username}')
            )
        try:
            yield
        finally:
            async with self.owner.begin() as connection:
                await connection.execute(
                    text(f'revoke temporary on database "{url.database}" from {url.username}')
                )


def walls_of(urls: DatabaseUrls) -> Walls:
    page = importlib.resources.files("muniment.app").joinpath("walls.sql").read_text("utf-8")
    return Walls(page, role_name(urls.serving), role_name(urls.worker))


async def migrate(urls: DatabaseUrls) -> None:
    """Bring an empty database to the newest schema, walls included."""
    migrator = Migrator(urls.owner, all_tables())
    await migrator.upgrade()
    walls = walls_of(urls)
    async with migrator.connection() as connection, connection.begin():
        await walls.apply(connection)


async def create_database(cluster: EmbeddedUrls, name: str) -> DatabaseUrls:
    """Make an empty database, as a customer's administrator would before the first migration."""
    superuser = _plain(cluster.superuser)
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.execute(f'create database "{name}" owner muniment_owner')
    finally:
        await connection.close()
    connection = await asyncpg.connect(_plain(_on(cluster.superuser, name)))
    try:
        await connection.execute(
            "create extension vector; revoke all on schema public from public;"
            f' revoke temporary on database "{name}" from public;'
            " grant usage, create on schema public to muniment_owner;"
            " grant usage on schema public to muniment_serving, muniment_worker"
        )
    finally:
        await connection.close()
    return DatabaseUrls(
        _on(cluster.owner, name), _on(cluster.serving, name), _on(cluster.worker, name)
    )


@asynccontextmanager
async def migrated_database(cluster: EmbeddedUrls, name: str) -> AsyncIterator[TestDatabase]:
    """Give a fresh, migrated database; its engines are closed at the end."""
    urls = await create_database(cluster, name)
    await migrate(urls)
    owner = create_async_engine(engine_url(urls.owner), poolclass=NullPool)
    serving = create_engine(urls.serving, SETTINGS, application="test-serving")
    worker = create_engine(urls.worker, SETTINGS, application="test-worker")
    cleaner = await asyncpg.connect(_plain(urls.owner))
    try:
        yield TestDatabase(urls, owner, Transactions(serving), Transactions(worker), cleaner)
    finally:
        await cleaner.close()
        for engine in (owner, serving, worker):
            await engine.dispose()


async def as_superuser(
    cluster: EmbeddedUrls, statements: str, *, database: str | None = None
) -> None:
    """Run what only an administrator may."""
    address = cluster.superuser if database is None else _on(cluster.superuser, database)
    connection = await asyncpg.connect(_plain(address))
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


def _plain(address: SecretStr) -> str:
    return address.get_secret_value()


def _on(address: SecretStr, database: str) -> SecretStr:
    url = make_url(address.get_secret_value()).set(database=database)
    return SecretStr(url.render_as_string(hide_password=False))
