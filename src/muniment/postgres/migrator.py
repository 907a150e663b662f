"""Runs migrations as the owner role: one runner at a time, with time-outs, seeing every row."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from pydantic import SecretStr
from sqlalchemy import Connection, MetaData, NullPool, func, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.sql.schema import SchemaItem

from muniment.kit.errors import ConfigurationError, UnavailableError
from muniment.postgres.engine import engine_url, tell_refusals

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK_KEY = 0x4D554E49
"""Advisory lock of all migration runners: "MUNI"."""

_LOCK_PATIENCE_S = 5
_LOCK_PAUSE_S = 0.1

# row_security = off makes a backfill that policies would filter fail instead of skipping rows.
_SESSION = {
    "application_name": "muniment-migrate",
    "lock_timeout": "5s",
    "statement_timeout": "30min",
    "row_security": "off",
}


_TABLES = text(
    """
    select relname from pg_class where relnamespace = 'public'::regnamespace
      and relkind in ('r', 'p') and relname not in ('alembic_version', 'embedding_space') order by 1
    """
)
"""What somebody may have filled; the embedding space comes back with the next `migrate`."""


class SchemaMismatchError(ConfigurationError):
    """The tables are not those that this version of the program works with."""

    code = "schema_mismatch"
    title = "The database schema is not the expected one"


class UnknownRevisionError(ConfigurationError):
    """The wanted revision is none of this program."""

    code = "unknown_revision"
    title = "There is no such revision"


class DataLossError(ConfigurationError):
    """Going back would remove what somebody has stored, and nobody has said that it may."""

    code = "data_would_be_lost"
    title = "Data would be lost"


class MigrationLockedError(UnavailableError):
    """Another process is migrating."""

    code = "migration_running"
    title = "A migration is running"


def is_ours(_item: SchemaItem, name: str | None, kind: str, *_rest: object) -> bool:
    """Leave indexes of embedding spaces alone: they come with the spaces, not with revisions."""
    return not (kind == "index" and name is not None and name.startswith("chunk_vector_space_"))


class Migrator:
    """Brings the schema of one database to a revision."""

    def __init__(self, owner: SecretStr, metadata: MetaData) -> None:
        self._owner = owner
        self._metadata = metadata

    @staticmethod
    def head() -> str:
        """Give this program's newest revision. Raises ConfigurationError when there are two."""
        return _newest_revision()

    async def upgrade(self, revision: str = "head") -> None:
        """Run the migrations up to a revision."""
        await self._run(lambda config: command.upgrade(config, revision))

    async def downgrade(self, revision: str) -> None:
        """Run the migrations back down to a revision; `base` for none."""
        await self._run(lambda config: command.downgrade(config, revision))

    async def go_to(self, revision: str, *, discard_data: bool = False) -> None:
        """Run the migrations to a revision, forwards or back; `base` and `head` are the ends.

        Raises DataLossError where going back meets rows, unless they may be discarded.
        """
        known = [script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()]
        if revision not in {*known, "base", "head"}:
            raise UnknownRevisionError(
                f"There is no revision {revision}.",
                hint=f"The revisions, newest first: {', '.join(known)}, base.",
            )
        order = [*known, "base"]
        wanted = order[0] if revision == "head" else revision
        current = await self.current() or "base"
        if current not in order:
            ensure_current(current)
        if order.index(wanted) > order.index(current):
            if not discard_data:
                await self._refuse_loss(revision)
            await self.downgrade(revision)
        else:
            await self.upgrade(revision)

    async def _refuse_loss(self, revision: str) -> None:
        async with self.connection() as connection:
            found = await connection.execute(_TABLES)
            counted = {
                name: await connection.scalar(select(func.count()).select_from(table(name)))
                for name in found.scalars()
            }
        filled = [f"{name} ({rows})" for name, rows in counted.items() if rows]
        if filled:
            raise DataLossError(
                f"Going back to {revision} removes the tables and columns that came after it, with"
                f" what they hold. Tables with rows now: {', '.join(filled)}.",
                hint="Make a backup, then add --discard-data.",
            )

    async def compare(self) -> None:
        """Check that the tables equal the models. Raises SchemaMismatchError."""
        try:
            await self._run(command.check)
        except CommandError as error:
            raise SchemaMismatchError(str(error)) from error

    async def current(self) -> str | None:
        """Give the revision of the database; None for an empty one."""
        async with self.connection() as connection:
            return await connection.run_sync(_current)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Open the one connection that may migrate now. Raises MigrationLockedError."""
        engine = create_async_engine(
            engine_url(self._owner), poolclass=NullPool, connect_args={"server_settings": _SESSION}
        )
        tell_refusals(engine)
        try:
            async with engine.connect() as connection:
                await _lock(connection)
                yield connection
        finally:
            await engine.dispose()

    async def _run(self, step: Callable[[Config], None]) -> None:
        async with self.connection() as connection:
            before = await connection.run_sync(_current)
            # Else Alembic would take our transaction for its own and run all migrations in it.
            await connection.rollback()
            await connection.run_sync(self._run_step, step)
            if await connection.run_sync(_current) != before:
                # New tables have no walls yet: forget that the page was applied.
                await connection.exec_driver_sql("comment on table alembic_version is null")
            await connection.commit()

    def _run_step(self, connection: Connection, step: Callable[[Config], None]) -> None:
        config = Config(stdout=StringIO())
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        config.attributes["metadata"] = self._metadata
        step(config)


SchemaState = Literal["current", "empty", "older", "unknown"]


def state_of(revision: str | None) -> SchemaState:
    """Tell how a database's revision stands to this program's newest one."""
    if revision is None:
        return "empty"
    if revision == Migrator.head():
        return "current"
    known = {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
    return "older" if revision in known else "unknown"


def ensure_current(revision: str | None) -> None:
    """Refuse to work on any schema but the newest. Raises SchemaMismatchError."""
    state = state_of(revision)
    if state == "current":
        return
    hint = "Run `muniment migrate`."
    problem = "has no tables yet"
    if state == "older":
        problem = f"is at the older revision {revision}"
    elif state == "unknown":
        problem = f"is at revision {revision}, which this version does not know"
        hint = "Install the newer version, or go back with its `muniment migrate --to`."
    needed = f"this version needs {Migrator.head()}"
    raise SchemaMismatchError(f"The database {problem}; {needed}.", hint=hint)


@cache
def _newest_revision() -> str:
    """Read the scripts once: readiness asks again and again, and a program does not change."""
    heads = ScriptDirectory(str(SCRIPTS)).get_heads()
    if len(heads) != 1:
        raise ConfigurationError(f"The migrations have {len(heads)} heads instead of one.")
    return heads[0]


async def _lock(connection: AsyncConnection) -> None:
    # Held by the session, so it outlives the transactions of the single migrations. Asked for again
    # and again: a statement that waited for it would be waited for by the index that the other one
    # builds concurrently, and one of both would end as a deadlock.
    last = time.monotonic() + _LOCK_PATIENCE_S
    while not await connection.scalar(
        text("select pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY}
    ):
        await connection.rollback()
        if time.monotonic() >= last:
            raise MigrationLockedError(
                f"Another process has been migrating this database for {_LOCK_PATIENCE_S} seconds.",
                hint="Wait for it to end, then try again.",
            )
        await asyncio.sleep(_LOCK_PAUSE_S)
    await connection.commit()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def schema_revision(connection: AsyncConnection) -> str | None:
    """Read the revision of the tables; None where there are none that the role may read."""
    # Asked beforehand: an error would end the caller's transaction.
    readable = "select has_table_privilege(to_regclass('alembic_version'), 'select')"
    if not await connection.scalar(text(readable)):
        return None
    revision: str | None = await connection.scalar(text("select version_num from alembic_version"))
    return revision
