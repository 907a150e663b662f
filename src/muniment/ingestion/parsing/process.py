"""One child process as its parent sees it: started, asked, and killed when it must be."""

import asyncio
import contextlib
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

import structlog
from typing_extensions import override

from muniment.ingestion.parsing.failures import (
    ParsersUnavailableError,
    broken_off,
    out_of_memory,
    out_of_time,
)
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.parsing.wire import (
    HEADER,
    Failed,
    GarbledReplyError,
    Parsed,
    ParseRequest,
    ParserOffer,
    ParserSelection,
    Reply,
    Start,
    Unready,
    longest_reply,
    pack,
    read_reply,
)
from muniment.ports.parsing import ParsedDocument, ParseError

logger = structlog.get_logger(__name__)

_CHILD = "muniment.ingestion.parsing.child"
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    "MALLOC_ARENA_MAX": "2",  # glibc reserves address space for every arena
}
"""All that a child sees of the environment: no secret reaches the code that reads hostile files."""
_STDERR = 2
_KEPT_STDERR = 8_192
_LARGE_REPLY = 2**20
_GRACE_S = 5.0
_OUT_OF_MEMORY = (b"memory allocation of", b"MemoryError", b"bad_alloc", b"ut of memory")


class _ChildEndedError(Exception):
    """The child is gone, or has said what no child says."""


@runtime_checkable
class _Writable(Protocol):
    """The one thing needed of a pipe; uvloop's pipes are no `asyncio.WriteTransport`."""

    def write(self, data: bytes, /) -> None: ...


class _Pipes(asyncio.SubprocessProtocol):
    """Puts replies together and keeps the end of what the child prints."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._inbox = bytearray()
        self._reply: asyncio.Future[bytes] | None = None
        self.printed = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def expect(self) -> asyncio.Future[bytes]:
        """Give a future of the next reply."""
        self._reply = asyncio.get_running_loop().create_future()
        if self.ended.done():
            self._fail("it had ended already")
        return self._reply

    @override
    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        chunk = data.encode() if isinstance(data, str) else data
        if fd == _STDERR:
            self.printed += chunk
            del self.printed[:-_KEPT_STDERR]
            return
        self._inbox += chunk
        self._deliver()

    @override
    def process_exited(self) -> None:
        # A grandchild may hold the pipes open: do not wait for them for ever.
        asyncio.get_running_loop().call_later(_GRACE_S / 10, self.connection_lost, None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        self._fail("it ended")

    def _deliver(self) -> None:
        if len(self._inbox) < HEADER.size:
            return
        (size,) = HEADER.unpack_from(self._inbox)
        if size > self._longest:
            self._inbox.clear()
            self._fail("its reply is too long")
        elif len(self._inbox) >= HEADER.size + size and self._reply is not None:
            body = bytes(memoryview(self._inbox)[HEADER.size : HEADER.size + size])
            self._inbox.clear()
            if not self._reply.done():
                self._reply.set_result(body)

    def _fail(self, reason: str) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(_ChildEndedError(reason))


class ParserProcess:
    """A warm child. Once it has failed in any way it is spent, and is only to be stopped."""

    def __init__(
        self, transport: asyncio.SubprocessTransport, pipes: _Pipes, settings: ParsingSettings
    ) -> None:
        self._transport = transport
        self._pipes = pipes
        self._settings = settings
        self._documents = 0
        self._resident = 0
        self._failed = False
        self.ready = ParserOffer((), "")

    @classmethod
    async def start(cls, settings: ParsingSettings, parsers: ParserSelection) -> "ParserProcess":
        """Start a child and wait for its parsers. Raises ParsersUnavailableError."""
        pipes = _Pipes(longest_reply(settings.max_text))
        transport, _ = await asyncio.get_running_loop().subprocess_exec(
            lambda: pipes,
            *(sys.executable, "-I", "-B", "-X", "utf8", "-m", _CHILD, str(os.getpid())),
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        child = cls(transport, pipes, settings)
        try:
            await child._load(parsers)
        except BaseException:  # boundary: passed on; no child outlives its failed start
            await child.stop()
            raise
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._transport.get_pid()

    @property
    def is_spent(self) -> bool:
        """Whether this child should read no further document."""
        return (
            self._failed
            or self._transport.get_returncode() is not None
            or self._documents >= self._settings.documents_per_child
            or self._resident > self._settings.recycle_above
        )

    async def parse(self, path: Path, media_type: str) -> ParsedDocument:
        """Read a document. Raises ParseError."""
        limit = self._settings.time_limit
        request = ParseRequest(
            str(path), media_type, _whole_seconds(limit), self._settings.max_text
        )
        self._documents += 1
        self._failed = True  # until a whole reply says otherwise, also when this task is cancelled
        try:
            reply = await self._ask(pack(request), limit)
        except TimeoutError as error:
            raise out_of_time(limit) from error
        except (_ChildEndedError, GarbledReplyError) as error:
            raise self._diagnose() from error
        if isinstance(reply, Parsed):
            self._failed, self._resident = False, reply.resident
            return reply.document
        if not isinstance(reply, Failed):
            raise broken_off()
        self._failed, self._resident = reply.code == "parser_memory", reply.resident
        raise ParseError(reply.code, reply.detail)

    async def stop(self) -> None:
        """Kill the child with everything that it started, and wait until it is gone."""
        if self._transport.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        # Closing asks the process for its end as well, and would take it away from the event loop's
        # own watcher: so it comes after the end was heard of.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await asyncio.shield(self._pipes.ended)
        self._transport.close()
        self._log_printed()

    async def _load(self, parsers: ParserSelection) -> None:
        start = pack(Start(parsers, self._settings.memory_limit))
        try:
            reply = await self._ask(start, self._settings.start_limit)
        except (TimeoutError, _ChildEndedError, GarbledReplyError) as error:
            raise ParsersUnavailableError(
                "The process that reads documents does not start.",
                hint=f"Its last words: {self._last_words()}",
            ) from error
        if isinstance(reply, Unready):
            raise ParsersUnavailableError(reply.detail, hint=reply.hint)
        if isinstance(reply, ParserOffer):
            self.ready = reply

    async def _ask(self, message: bytes, limit: timedelta) -> Reply:
        answer = self._pipes.expect()
        stdin: object = self._transport.get_pipe_transport(0)
        if not isinstance(stdin, _Writable):
            raise _ChildEndedError("it has no standard input")
        stdin.write(message)
        async with asyncio.timeout(limit.total_seconds()):
            body = await answer
        self._log_printed()
        if len(body) > _LARGE_REPLY:
            return await asyncio.to_thread(read_reply, body)
        return read_reply(body)

    def _diagnose(self) -> ParseError:
        code = self._transport.get_returncode()
        logger.warning("parser_child_ended", pid=self.pid, exit_code=code)
        if code == -signal.SIGXCPU:
            return out_of_time(self._settings.time_limit)
        if any(sign in self._pipes.printed for sign in _OUT_OF_MEMORY):
            return out_of_memory()
        return broken_off()

    def _last_words(self) -> str:
        lines = self._pipes.printed.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "none"

    def _log_printed(self) -> None:
        if self._pipes.printed:
            printed = self._pipes.printed.decode(errors="replace")
            logger.debug("parser_child_printed", pid=self.pid, text=printed)
            self._pipes.printed.clear()


def _whole_seconds(limit: timedelta) -> int:
    """Round up, and leave the wall clock the first word."""
    return int(limit.total_seconds()) + 2
