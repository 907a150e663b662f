"""kill -9 in the middle of ingestion: after a restart everything is there, exactly once.

Three things are killed: the process that serves and works, the database server under it, and the
child that reads a document. When, is drawn from a seed: `KILL_SEED=7 make test T=tests/journeys`
draws other moments.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypedDict

import asyncpg
import httpx2
import psutil
import pytest

from muniment.postgres.embedded.supervisor import EmbeddedPostgres
from tests.support.product_process import ProductProcess, product_process

SEED = int(os.environ.get("KILL_SEED", "20261123"))
DOCUMENTS = 30
RECOVERY_S = 30.0
WORDS = ("anchor", "ballast", "cable", "derrick", "engine", "fender", "gauge", "hatch", "jetty")
BREAK = "\n\n"
PARSER_MODULE = "muniment.ingestion.parsing.child"
ROWS = """
select (select count(*) from chunk) as chunks, (select count(*) from chunk_vector) as vectors,
       (select count(*) from chunk_lex) as terms, (select sum(chunks) from lex_total) as counted,
       (select count(*) from document_version) as versions, (select count(*) from job) as jobs
"""
pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.slow]


class Listed(TypedDict):
    """A document as a list shows it."""

    id: str
    name: str
    status: str
    version: int


Slice = tuple[int, int, int, str]
Index = Mapping[str, list[Slice]]


def write_documents(dice: random.Random) -> dict[str, bytes]:
    """Write texts of some chunks each; the same seed writes the same."""
    paragraphs = (
        [" ".join(dice.choices(WORDS, k=60)).capitalize() + "." for _ in range(dice.randint(4, 14))]
        for _ in range(DOCUMENTS)
    )
    return {
        f"{number:02}.md": f"# Ship {number}\n\n{BREAK.join(texts)}\n".encode()
        for number, texts in enumerate(paragraphs)
    }


class Fleet:
    """The documents in one collection of the product, seen over HTTP."""

    def __init__(self, product: ProductProcess, token: str) -> None:
        self.product = product
        self._headers = {"Authorization": f"Bearer {token}"}
        self._collection = ""

    async def upload(self, files: Mapping[str, bytes]) -> None:
        """Upload all into a new collection; from the answer on none may be lost."""
        async with self._client() as client:
            made = await client.post("/collections", json={"name": "Fleet"})
            self._collection = made.raise_for_status().json()["id"]
            parts = [("file", (name, text, "text/markdown")) for name, text in files.items()]
            answer = await client.post(f"/collections/{self._collection}/documents", files=parts)
            assert answer.status_code == 202, answer.text

    async def wait_for(self, count: int, patience_s: float) -> None:
        """Wait until so many documents are ready."""
        deadline = time.monotonic() + patience_s
        async with self._client() as client:
            while len(ready := await self._names(client, "ready")) < count:
                assert time.monotonic() < deadline, f"only {ready} after {patience_s:.0f} s"
                await asyncio.sleep(0.02)

    async def index(self) -> Index:
        """Give the chunks of every document; each is there once, in its first version."""
        async with self._client() as client:
            listed = await self._list(client)
            assert len({document["name"] for document in listed}) == len(listed) == DOCUMENTS
            assert {document["version"] for document in listed} == {1}
            return {
                document["name"]: await self._chunks(client, document["id"]) for document in listed
            }

    async def _names(self, client: httpx2.AsyncClient, status: str) -> list[str]:
        return [item["name"] for item in await self._list(client) if item["status"] == status]

    async def _list(self, client: httpx2.AsyncClient) -> list[Listed]:
        answer = await client.get(f"/collections/{self._collection}/documents?limit=200")
        items: list[Listed] = answer.raise_for_status().json()["items"]
        return items

    async def _chunks(self, client: httpx2.AsyncClient, document_id: str) -> list[Slice]:
        answer = await client.get(f"/documents/{document_id}/chunks?limit=200")
        items = answer.raise_for_status().json()["items"]
        return [(item["ordinal"], item["start"], item["end"], item["text"]) for item in items]

    def _client(self) -> httpx2.AsyncClient:
        address = f"{self.product.address}/api/v1"
        return httpx2.AsyncClient(base_url=address, headers=self._headers, timeout=30)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return write_documents(random.Random(SEED))


@pytest.fixture(scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProductProcess]:
    folder = tmp_path_factory.mktemp("kill") / "product"
    async with product_process(folder, {"MUNIMENT_EMBEDDING__SPACE": "hashing"}) as running:
        yield running


@pytest.fixture(scope="module")
async def token(product: ProductProcess) -> str:
    return await product.token("owner", "member")


@pytest.fixture(scope="module")
async def undisturbed(product: ProductProcess, token: str, files: dict[str, bytes]) -> Index:
    fleet = Fleet(product, token)
    await fleet.upload(files)
    await fleet.wait_for(DOCUMENTS, RECOVERY_S)
    return await fleet.index()


@pytest.fixture
def moment(request: pytest.FixtureRequest) -> int:
    """How many documents are ready when the blow falls: drawn from the seed, for each test."""
    drawn = random.Random(f"{SEED} {request.node.name}").randrange(1, DOCUMENTS // 2)
    sys.stdout.write(f"KILL_SEED={SEED}: {request.node.name} strikes after {drawn} documents\n")
    return drawn


async def assert_rows_agree(product: ProductProcess) -> None:
    """Look behind the API: no entry too many, no count that drifted, no job left."""
    async with EmbeddedPostgres(product.data_dir / "postgres") as urls:
        connection = await asyncpg.connect(urls.superuser.get_secret_value())
        try:
            rows = await connection.fetchrow(ROWS)
        finally:
            await connection.close()
    assert rows is not None
    assert rows["chunks"] == rows["vectors"] == rows["terms"] == rows["counted"]
    assert rows["versions"] % DOCUMENTS == 0
    assert rows["jobs"] == 0


async def kill_worker(product: ProductProcess) -> None:
    await product.kill()
    await product.start()


async def kill_database_server(product: ProductProcess) -> None:
    postmaster = product.postmaster()
    assert postmaster is not None
    postmaster.kill()
    await product.stop()
    await product.start()


async def kill_readers(product: ProductProcess) -> None:
    readers = [child for child in product.children() if is_reader(child)]
    assert readers
    for reader in readers:
        reader.kill()


def is_reader(process: psutil.Process) -> bool:
    return any(PARSER_MODULE in word for word in process.cmdline())


@pytest.mark.parametrize("strike", [kill_worker, kill_database_server, kill_readers])
async def test_every_document_is_there_once(
    product: ProductProcess,
    token: str,
    files: dict[str, bytes],
    undisturbed: Index,
    moment: int,
    strike: Callable[[ProductProcess], Awaitable[None]],
) -> None:
    fleet = Fleet(product, token)
    await fleet.upload(files)
    await fleet.wait_for(moment, RECOVERY_S)
    await strike(product)
    await fleet.wait_for(DOCUMENTS, RECOVERY_S)
    assert await fleet.index() == undisturbed
    await assert_rows_agree(product)
