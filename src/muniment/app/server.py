"""Serves the application until it is told to stop, with a word when it can be reached."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp
from typing_extensions import override

from muniment.app.container import Serving, Shared
from muniment.app.factory import create_app
from muniment.app.readiness import readiness_of
from muniment.app.request_heads import BoundedHeads
from muniment.app.routes import ROOT_ROUTERS, ROUTERS
from muniment.app.settings import Settings
from muniment.app.streams import EventStreams
from muniment.kit.errors import ConfigurationError
from muniment.kit.hit_metrics import HitMetrics
from muniment.postgres.fixed import statement_figures

Network: TypeAlias = IPv4Network | IPv6Network

_BACKLOG = 2048
_GRACE_S = 5
_STREAMS_GRACE_S = 1.0
"""An answer that is streamed is done by then; who follows progress would stay for ever."""


def make_app(serving: Serving) -> FastAPI:
    """Make the application of this process from the objects that answer its requests."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        yield serving.state()

    registry = CollectorRegistry(auto_describe=True)
    registry.register(
        HitMetrics(
            {
                "tokens": serving.sign_in.tokens.figures,
                "query_vectors": serving.search.vector_figures,
                "statements": statement_figures,
            }
        )
    )
    return create_app(
        serving.shared.settings,
        lifespan=lifespan,
        routers=ROUTERS,
        root_routers=ROOT_ROUTERS,
        readiness=readiness_of(serving),
        registry=registry,
    )


@contextlib.contextmanager
def reserved_address(settings: Settings) -> Iterator[socket.socket]:
    """Take the address to listen on, before anything slow is started. Raises ConfigurationError."""
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _told_if_taken(settings):
            listener.bind((host, port))
        yield listener


async def serve(
    serving: Serving, listener: socket.socket, stop: asyncio.Event, ready: Callable[[str], None]
) -> None:
    """Answer requests until `stop`; `ready` is called with the address once they are accepted."""
    settings = serving.shared.settings
    with _told_if_taken(settings):
        listener.listen(_BACKLOG)
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    sign_in = serving.sign_in
    streams = EventStreams(make_app(serving), sign_in.revocations, serving.shared.clock)
    server = _Server(server_config(settings, streams), lambda: ready(address))
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(_end_on(stop, server, streams))
        group.create_task(_warm_up(serving.shared))
        learning = group.create_task(serving.sign_in.keep_up())
        await server.serve(sockets=[listener])
        ending.cancel()
        learning.cancel()


async def _warm_up(shared: Shared) -> None:
    """Load what the first search would otherwise wait for, beside the requests that need none."""
    await shared.embedder.prepare()
    await asyncio.to_thread(shared.detector.prepare)


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


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """Say how requests are read, and whose word on where they come from is believed.

    The address of a caller is the peer's. Behind a trusted proxy it is the last one in
    X-Forwarded-For that is not such a proxy itself; what stands before it, anybody can write.
    """
    proxies = [str(network) for network in _as_peers_appear(settings.server.trusted_proxies)]
    return uvicorn.Config(
        app,
        loop="none",
        http=BoundedHeads,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _as_peers_appear(networks: Sequence[Network]) -> Iterator[Network]:
    """Give networks as they look on a socket of each family: IPv6 ones hear IPv4 as well."""
    for network in networks:
        yield network
        if isinstance(network, IPv4Network):
            mapped = f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            yield IPv6Network(mapped)


@contextlib.contextmanager
def _told_if_taken(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        host, port = settings.server.host, settings.server.port
        raise ConfigurationError(
            f"Nothing can listen on {host}:{port}: {error.strerror}.",
            hint="Stop what uses the port, or choose another one with --port (0 picks a free one).",
        ) from error


async def _end_on(stop: asyncio.Event, server: uvicorn.Server, streams: EventStreams) -> None:
    await stop.wait()
    server.should_exit = True
    await asyncio.sleep(_STREAMS_GRACE_S)
    streams.end()
