"""A load generator: keep-alive connections that each send the next request after an answer.

It parses no more of HTTP than it must, so that on a machine of two cores it leaves most of one to
the server.
"""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from typing_extensions import override

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What was seen from outside."""

    requests: int
    seconds: float
    median_ms: float

    @property
    def per_second(self) -> float:
        """Requests in a second."""
        return self.requests / self.seconds


def write_request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """Write a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEAD_END + body


async def send_load(
    address: str, requests: Sequence[bytes], *, concurrency: int, total: int
) -> Load:
    """Send the requests in turn until `total` are answered; any failure ends the run."""
    loop = asyncio.get_running_loop()
    host, _, port = urlsplit(address).netloc.partition(":")
    pending = islice(cycle(requests), total)
    latencies: list[float] = []
    connections: list[_Connection] = []
    for _ in range(concurrency):
        _, connection = await loop.create_connection(
            lambda: _Connection(pending, latencies, loop.create_future()),
            host,
            int(port),
        )
        connections.append(connection)
    began = time.perf_counter()
    for connection in connections:
        connection.send_next()
    await asyncio.gather(*(connection.ended for connection in connections))
    seconds = time.perf_counter() - began
    return Load(len(latencies), seconds, 1000 * median(latencies))


@runtime_checkable
class _Writable(Protocol):
    """The part of a transport that is needed; uvloop's are no `asyncio.Transport`."""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    def close(self) -> None:
        """Close when all is sent."""


class _Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next; `ended` when there is none left."""

    def __init__(
        self, pending: Iterator[bytes], latencies: list[float], ended: asyncio.Future[None]
    ) -> None:
        self.ended = ended
        self._pending = pending
        self._latencies = latencies
        self._transport: _Writable | None = None
        self._received = b""
        self._sent_at = 0.0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, _Writable)
        self._transport = transport

    def send_next(self) -> None:
        """Send the next request, or close when all are sent."""
        assert self._transport is not None
        request = next(self._pending, None)
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._received = b""
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        head = self._received[: head_end + 2]
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 2") or length is None:
            self.ended.set_exception(RuntimeError(self._received[:500].decode()))
        elif len(self._received) >= head_end + len(_HEAD_END) + int(length[1]):
            self._latencies.append(time.perf_counter() - self._sent_at)
            self.send_next()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionResetError("the server closed a connection"))
