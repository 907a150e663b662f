"""Bounds what a client may send before its request is looked at.

The server below collects the head of a request without a bound and without a time-out, so a client
that says nothing of itself could take any amount of memory and hold connections for ever.
"""

import asyncio
from asyncio import BaseTransport, TimerHandle, Transport
from secrets import token_hex
from typing import Final, cast

import httptools
import structlog
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from muniment.kit.errors import (
    HeadTooLargeError,
    MalformedRequestError,
    MunimentError,
    TargetTooLongError,
)
from muniment.kit.middleware import API_SECURITY_HEADERS
from muniment.kit.problem_document import PROBLEM_MEDIA_TYPE, make_problem

MAX_TARGET_BYTES: Final = 8 * 1024
"""Of the path with its query; what RFC 9112, 3 asks every server to take, in round numbers."""
MAX_HEAD_BYTES: Final = 32 * 1024
"""Of target and headers together: the longest token that is looked at, and as much beside it."""
HEAD_PATIENCE_S: Final = 10.0
"""How long a head may take to arrive; it is one packet from any client that means well."""

_log = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """Ends the parsing of a request."""


class BoundedHeads(HttpToolsProtocol):
    """One connection, whose heads are of bounded size and arrive within a time.

    What is read without getting anywhere is counted, so headers behind a body (trailers) and
    headers without an end are bounded as well. The count may exceed the bound by one read.
    """

    patience_s = HEAD_PATIENCE_S
    _deadline: TimerHandle | None = None
    _in_head = False
    _read = 0
    """Bytes since the parser last finished something, without those of the same read."""
    _last_read = 0
    _has_asked = False
    _fault: MunimentError | None = None

    @override
    def connection_made(self, transport: BaseTransport) -> None:
        """Wait for the first head, though not for ever."""
        super().connection_made(cast("Transport", transport))
        self._wait_for_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        """Parse what came, and refuse what leads nowhere."""
        self._last_read = len(data)
        self._read += len(data)
        super().data_received(data)
        if self._read > MAX_HEAD_BYTES:
            self._refuse(self._size_fault() or HeadTooLargeError())
        elif self._in_head and self._deadline is None:
            self._wait_for_head()

    @override
    def on_message_begin(self) -> None:
        """Count the head from here."""
        self._in_head = True
        self._read = 0
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        """Look at the size of a head before its request is answered."""
        self._in_head = False
        self._stop_waiting()
        # Nearly every head comes in one small read, and then needs no second look.
        is_large = self._read > 0 or self._last_read > MAX_TARGET_BYTES
        if is_large and (fault := self._size_fault()) is not None:
            self._fault = fault
            raise _RefusedError
        self._read = 0
        if not self.url.startswith(b"/"):
            self._obey_target()
        super().on_headers_complete()
        self._has_asked = True

    @override
    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on; its size is somebody else's concern."""
        self._read = 0
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        """Start counting anew."""
        self._read = 0
        super().on_message_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed as everything else is: with a problem document."""
        self._refuse(self._fault or MalformedRequestError("This is not an HTTP request."))

    def _size_fault(self) -> MunimentError | None:
        if len(self.url) > MAX_TARGET_BYTES:
            return TargetTooLongError()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return HeadTooLargeError() if size > MAX_HEAD_BYTES else None

    def _obey_target(self) -> None:
        """Let a whole address in the request line say the host (RFC 9112, 3.2.2)."""
        target = httptools.parse_url(self.url)
        if target.host:
            host = b"[%b]" % target.host if b":" in target.host else target.host
            port = b":%d" % target.port if target.port else b""
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"host"]
            self.headers.append((b"host", host + port))

    def _refuse(self, error: MunimentError) -> None:
        if self.transport.is_closing():
            return
        request_id = token_hex(16)
        _log.warning("request_head_refused", code=error.code, request_id=request_id)
        if not self._has_asked or self.cycle.response_complete:
            self.transport.write(_whole_answer(error, request_id))
        self.transport.close()

    def _wait_for_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self.patience_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _whole_answer(error: MunimentError, request_id: str) -> bytes:
    body = make_problem(error, request_id).model_dump_json(exclude_none=True).encode()
    headers = {
        **API_SECURITY_HEADERS,
        "X-Request-ID": request_id,
        "Content-Type": PROBLEM_MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[error.status] + lines.encode("ascii") + b"\r\n" + body
