"""The whole product, allowed to fetch from a web server of the test."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.library.arrange import make_collection
from tests.sources.arrange import PAGE, Shown, add_source, read_source
from tests.support.callers import MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.web_server import WebServer, answer, web_server
from tests.support.whole_product import WholeProduct, whole_product


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WebServer]:
    async with web_server() as opened:
        yield opened


@pytest.fixture(scope="module")
async def product(
    migrated: TestDatabase, server: WebServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    egress = {"allowed_networks": ["127.0.0.1/32"], "ports": [80, 443, server.port]}
    folder = tmp_path_factory.mktemp("sources")
    async with whole_product(migrated, folder, egress=egress) as opened:
        yield opened


@pytest.fixture
def web(server: WebServer) -> WebServer:
    """The server, with one page and no memory."""
    server.answers.clear()
    server.silent.clear()
    server.asked.clear()
    server.answers["/leave.txt"] = answer(b"Thirty days of leave.")
    return server


@pytest.fixture
async def alice(product: WholeProduct) -> AsyncIterator[httpx2.AsyncClient]:
    async with product.client(CallerSpec("alice", MEMBER)) as client:
        yield client


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    return await make_collection(alice)


@pytest.fixture
async def source(
    product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
) -> Shown:
    """A source that was fetched once, and is fetched each hour."""
    told = {"ETag": '"one"', "Content-Type": "text/plain"}
    web.answers[PAGE] = answer(b"Thirty days of leave.", headers=told)
    added = await add_source(alice, collection, web.url(PAGE), refetch_every="PT1H")
    await product.finish_jobs()
    return await read_source(alice, added)
