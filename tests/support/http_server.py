"""A real server on 127.0.0.1, for what an application without one cannot show."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from muniment.app.server import server_config
from muniment.app.settings import Settings

PATIENCE_S = 10.0


@asynccontextmanager
async def http_server(app: ASGIApp, settings: Settings | None = None) -> AsyncIterator[int]:
    """Serve an application as the product is served; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(server_config(settings or Settings(), app))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            async with asyncio.timeout(PATIENCE_S):
                await serving


async def say(port: int, *parts: bytes) -> bytes:
    """Send bytes as they are, each part by itself, and give what comes until the server hangs up.

    A server that hangs up on unread bytes may take its last words with it: send no more than that.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    finally:
        writer.close()
