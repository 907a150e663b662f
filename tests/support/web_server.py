"""A web server on 127.0.0.1 that answers what a test wants, byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"


def answer(body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """Write a whole answer; the length is said unless the headers say another."""
    told = {"Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Told", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join(lines).encode() + HEAD_END + body


def redirect(to: str, status: int = 302) -> bytes:
    return answer(status=status, headers={"Location": to})


@dataclass
class Asked:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]


@dataclass
class WebServer:
    """Answers by path; whatever has no answer is 404."""

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Paths that get their answer, if any, and then nothing: the connection stays open."""
    asked: list[Asked] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                head = (await reader.readuntil(HEAD_END)).decode().split("\r\n")
                path = head[0].split(" ")[1]
                pairs = (line.partition(": ") for line in head[1:] if line)
                self.asked.append(Asked(path, {name.lower(): value for name, _, value in pairs}))
                writer.write(self.answers.get(path, answer(b"nothing", 404)))
                await writer.drain()
                if path in self.silent:
                    await reader.read()
            finally:
                writer.close()


@asynccontextmanager
async def web_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[WebServer]:
    """Serve on a free port while the block runs."""
    web = WebServer()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0, ssl=tls)
    web.port = server.sockets[0].getsockname()[1]
    async with server:
        yield web
