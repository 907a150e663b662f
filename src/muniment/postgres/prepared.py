"""Single statements on a pool of bare driver connections, for what every request asks.

One such read costs a quarter of the same read through the ORM. The driver has no type
information, so it is met here and nowhere else.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import asyncpg
import orjson
from pydantic import SecretStr

from muniment.kit.errors import UnavailableError
from muniment.postgres.engine import engine_url
from muniment.postgres.settings import DatabaseSettings

_NO_ANSWER = "The database does not answer."
_BROKEN = (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError)
"""What a statement meets when its connection was cut, as by a restart of the server."""

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


class PreparedReads:
    """A small pool of connections of the serving role that run prepared, read-only statements."""

    def __init__(self, address: SecretStr, settings: DatabaseSettings) -> None:
        self._url = engine_url(address).set(drivername="postgresql")
        self._settings = settings
        self._pool: asyncpg.Pool | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the pool with one connection. Raises UnavailableError."""
        query = dict(self._url.query)
        ssl = query.pop("ssl", None)
        host = query.pop("host", None)
        pool = asyncpg.create_pool(
            host=host or self._url.host,
            port=self._url.port,
            user=self._url.username,
            password=self._url.password,
            database=self._url.database,
            ssl=ssl,
            min_size=1,
            max_size=max(2, self._settings.pool_size // 2),
            command_timeout=self._settings.statement_timeout.total_seconds(),
            statement_cache_size=0 if self._settings.pooler else 256,
            init=_register_json,
            reset=_keep,
        )
        try:
            self._pool = await pool
        except _AWAY as error:
            raise UnavailableError(_NO_ANSWER) from error

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def row(self, statement: str, *values: object) -> Mapping[str, object] | None:
        """Run a statement and give its first row. Raises UnavailableError.

        A read changes nothing, so one whose connection broke is tried again on another.
        """
        if self._pool is None:
            raise UnavailableError("The database connection is not open.")
        try:
            try:
                row = await self._pool.fetchrow(statement, *values)
            except _BROKEN:
                row = await self._pool.fetchrow(statement, *values)
        except _AWAY as error:
            raise UnavailableError(_NO_ANSWER) from error
        return None if row is None else dict(row)


async def _register_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_dump, decoder=orjson.loads
    )


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


async def _keep(_connection: asyncpg.Connection) -> None:
    """Leave the connection as it is: single reads change nothing that would need a reset."""
