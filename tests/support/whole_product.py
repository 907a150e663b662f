"""The product as its processes put it together, on the database of the test process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from fastapi import FastAPI
from starlette.types import ASGIApp

from muniment.app.container import Serving, Working, open_serving, open_shared, open_worker
from muniment.app.server import make_app
from muniment.app.settings import Settings
from muniment.index.settings import VectorSettings
from muniment.index.spaces import ensure_space
from tests.support.app import UNLIMITED, make_client, served
from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase


@dataclass(frozen=True)
class WholeProduct:
    """What serves and what works, in this process, without a server."""

    api: FastAPI
    serving: Serving
    working: Working
    asgi: ASGIApp

    def client(self, caller: CallerSpec | None) -> httpx2.AsyncClient:
        """Give a client that calls as somebody, or as nobody."""
        return make_client(self.asgi, self.serving.sign_in.local_issuer, caller)

    async def finish_jobs(self) -> None:
        """Do everything that waits in the queue."""
        while await self.working.worker.run_one():
            pass


@asynccontextmanager
async def whole_product(
    database: TestDatabase, folder: Path, **overrides: object
) -> AsyncIterator[WholeProduct]:
    """Open the product with every router; afterwards the database is empty again."""
    usual = {"embedding": {"space": "hashing"}, "server": UNLIMITED}
    given = {"data_dir": folder, **usual, **overrides}
    settings = Settings.model_validate(given)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.clean)
        shared = await stack.enter_async_context(open_shared(settings))
        async with database.owner.connect() as connection:
            await ensure_space(connection, shared.embedder.identity, VectorSettings())
        serving = await stack.enter_async_context(open_serving(shared, database.urls))
        working = await stack.enter_async_context(open_worker(shared, database.urls))
        api = make_app(serving)
        asgi = await stack.enter_async_context(served(api))
        yield WholeProduct(api, serving, working, asgi)
