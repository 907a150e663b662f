"""Single statements on a pool of bare driver connections, for what every request asks.

One such read costs a quarter of the same read through the ORM. The driver has no type
information, so it is met here and nowhere else.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import asyncpg
import orjson
from pydantic import SecretStr

from muniment.kit.errors import UnavailableError
from muniment.postgres.engine import connect_arguments
from muniment.postgres.settings import DatabaseSettings

_CONNECT_TIMEOUT_S = 10
_NO_ANSWER = "The database does not answer."
_BROKEN = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.InternalClientError,
)
"""What a statement meets when its connection was cut, as by a restart of the server."""

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


class PreparedReads:
    """A few connections of the serving role that run prepared, read-only statements.

    Not the driver's own pool: what that does around a statement (a proxy object, a reset, a timer)
    costs as much as the statement, and a read that changes nothing needs none of it.
    """

    def __init__(self, address: SecretStr, settings: DatabaseSettings) -> None:
        self._arguments = connect_arguments(address)
        self._settings = settings
        self._slots = asyncio.Semaphore(max(2, settings.pool_size // 2))
        self._idle: list[asyncpg.Connection] = []
        self._is_open = False

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
        """Open the first connection. Raises UnavailableError."""
        try:
            self._idle.append(await self._connect())
        except AWAY as error:
            raise UnavailableError(_NO_ANSWER) from error
        self._is_open = True

    async def close(self) -> None:
        """Close every connection; one that is in use is closed when it comes back."""
        self._is_open = False
        try:
            while self._idle:
                await _say_goodbye(self._idle.pop())
        finally:
            for connection in self._idle:
                connection.terminate()
            self._idle.clear()

    async def row(self, statement: str, *values: object) -> Mapping[str, object] | None:
        """Run a statement and give its first row. Raises UnavailableError.

        A read changes nothing, so one whose connection broke is tried again on another.
        """
        if not self._is_open:
            raise UnavailableError("The database connection is not open.")
        try:
            async with self._slots:
                try:
                    row = await self._fetch(statement, values)
                except _BROKEN:
                    row = await self._fetch(statement, values)
        except AWAY as error:
            raise UnavailableError(_NO_ANSWER) from error
        return None if row is None else dict(row)

    async def _fetch(self, statement: str, values: tuple[object, ...]) -> asyncpg.Record | None:
        connection = await self._take()
        try:
            row = await connection.fetchrow(statement, *values)
        except asyncpg.PostgresError:
            self._put_back(connection)
            raise
        except BaseException:  # boundary: passed on; nobody knows what a broken-off read left
            connection.terminate()
            raise
        self._put_back(connection)
        return row

    def _put_back(self, connection: asyncpg.Connection) -> None:
        if self._is_open and not connection.is_closed():
            self._idle.append(connection)
        else:
            connection.terminate()

    async def _take(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._connect()

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            **self._arguments,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=self._settings.statement_timeout.total_seconds(),
            statement_cache_size=0 if self._settings.pooler else 256,
        )
        # Asks the server nothing, as the type is one of those that the driver knows.
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=_dump, decoder=orjson.loads
        )
        return connection


async def _say_goodbye(connection: asyncpg.Connection) -> None:
    """Close a connection. One whose server is gone or silent is dropped, which the driver does."""
    with suppress(*AWAY):
        await connection.close(timeout=1)


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()
