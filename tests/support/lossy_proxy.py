"""A way to PostgreSQL on which a COMMIT, the answer to it, or everything gets lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum

from pydantic import SecretStr
from sqlalchemy import make_url

_COMMIT = b"COMMIT;"
_BLOCK = 1 << 16
_FATAL = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"
_LENGTH_BYTES = 4


class Loss(Enum):
    """What becomes of the next COMMIT after a statement that holds the mark."""

    ANSWER = "the commit is done, but its answer is lost"
    COMMIT = "the commit never arrives"
    ANSWER_BEFORE_COMMIT = "the connection is gone before the commit has arrived"


class LossyProxy:
    """Stands between a client and the server; loses one COMMIT when it was told to."""

    def __init__(self, server: SecretStr) -> None:
        self._server = make_url(server.get_secret_value())
        self._port = 0
        self._mark: bytes | None = None
        self._loss = Loss.ANSWER
        self._before_commit: Callable[[], Awaitable[None]] | None = None
        self.lost = 0
        """How many commits were lost."""
        self.is_silent = False
        """Swallows everything, both ways, and keeps every connection open."""
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> SecretStr:
        """The address of the same database by way of the proxy."""
        # Without TLS, or the driver would look for keys in files, which may block.
        query = {"sslmode": "disable"}
        url = self._server.set(host="127.0.0.1", port=self._port, query=query)
        return SecretStr(url.render_as_string(hide_password=False))

    def lose(
        self, mark: bytes, loss: Loss, before_commit: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Lose the commit of the next transaction that sends the mark."""
        self._mark, self._loss, self._before_commit = mark, loss, before_commit

    async def announce_end(self) -> None:
        """Tell every client that its server dies, as that does before it hangs up."""
        length = (len(_FATAL) + _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "big")
        for client in self._clients:
            client.write(b"E" + length + _FATAL)
            await client.drain()

    async def clients_left(self, patience_s: float = 3.0) -> int:
        """Count who is still connected once everybody has had time to leave."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self._clients:
                    await asyncio.sleep(0.01)
        return len(self._clients)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LossyProxy"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        host, port = self._server.query["host"], self._server.query["port"]
        server, requests = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        self._clients.add(answers)
        back = asyncio.create_task(self._copy(server, answers))
        try:
            commit = await self._forward(client, requests)
            if commit:
                back.cancel()
                await asyncio.wait([back])
                await self._lose(commit, requests, answers)
                # The server reads to the end and ends its transaction before it closes its side.
                requests.write_eof()
                await server.read()
        finally:
            self._clients.discard(answers)
            back.cancel()
            requests.close()
            answers.close()

    async def _forward(self, client: asyncio.StreamReader, requests: asyncio.StreamWriter) -> bytes:
        """Forward until the client leaves, or give the commit that is to be lost."""
        is_marked = False
        while block := await client.read(_BLOCK):
            if self.is_silent:
                continue
            is_marked = is_marked or (self._mark is not None and self._mark in block)
            if is_marked and _COMMIT in block:
                self._mark = None
                self.lost += 1
                return block
            requests.write(block)
            await requests.drain()
        return b""

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while block := await source.read(_BLOCK):
            if not self.is_silent:
                sink.write(block)
                await sink.drain()
        sink.close()

    async def _lose(
        self, block: bytes, requests: asyncio.StreamWriter, answers: asyncio.StreamWriter
    ) -> None:
        match self._loss:
            case Loss.COMMIT:
                pass
            case Loss.ANSWER_BEFORE_COMMIT:
                answers.close()
                if self._before_commit is not None:
                    await self._before_commit()
                requests.write(block)
            case Loss.ANSWER:
                requests.write(block)
