"""Serves the application until it is told to stop, with a word when it can be reached."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from typing_extensions import override

from muniment.app.container import Serving
from muniment.app.factory import create_app
from muniment.app.readiness import readiness_of
from muniment.app.routes import ROUTERS
from muniment.app.settings import Settings
from muniment.kit.errors import ConfigurationError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_S = 10


def make_app(serving: Serving) -> FastAPI:
    """Make the application of this process from the objects that answer its requests."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        yield serving.state()

    return create_app(
        serving.shared.settings,
        lifespan=lifespan,
        routers=ROUTERS,
        readiness=readiness_of(serving),
        registry=CollectorRegistry(auto_describe=True),
    )


async def serve(serving: Serving, stop: asyncio.Event, ready: Callable[[str], None]) -> None:
    """Answer requests until `stop`; `ready` is called with the address once they are accepted."""
    settings = serving.shared.settings
    listener = await asyncio.to_thread(_listen, settings)
    host, port = listener.getsockname()[:2]
    server = _Server(_config(settings, make_app(serving)), lambda: ready(f"http://{host}:{port}"))
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(_end_on(stop, server))
        await server.serve(sockets=[listener])
        ending.cancel()


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set the event at Ctrl-C and SIGTERM, instead of raising somewhere in the middle of work."""
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: one process may hold a server and a worker."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(settings: Settings, app: FastAPI) -> uvicorn.Config:
    proxies = [str(network) for network in settings.server.trusted_proxies]
    return uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Nothing can listen on {host}:{port}: {error.strerror}.",
            hint="Stop what uses the port, or choose another one with --port (0 picks a free one).",
        ) from error
    return listener


async def _end_on(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True
