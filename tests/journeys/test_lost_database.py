"""The embedded PostgreSQL is killed under the running product, which nobody restarts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.product_process import ProductProcess, product_process

LIMIT_S = 30.0
pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.slow]


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[ProductProcess]:
    environment = {"MUNIMENT_EMBEDDING__SPACE": "hashing"}
    async with product_process(tmp_path / "product", environment) as running:
        yield running


async def client_of(product: ProductProcess) -> httpx2.AsyncClient:
    token = await product.token("owner", "member")
    return httpx2.AsyncClient(
        base_url=f"{product.address}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=LIMIT_S,
    )


async def read_until_answered(client: httpx2.AsyncClient) -> None:
    """Ask until the answer is 200; before, each has to say when to come again."""
    async with asyncio.timeout(LIMIT_S):
        while (answer := await client.get("/collections")).status_code != 200:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
            await asyncio.sleep(0.1)


async def wait_until_ready(client: httpx2.AsyncClient, collection: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            listed = await client.get(f"/collections/{collection}/documents")
            states = {item["status"] for item in listed.raise_for_status().json()["items"]}
            assert "failed" not in states
            if states == {"ready"}:
                return
            await asyncio.sleep(0.1)


async def test_the_product_goes_on_by_itself(product: ProductProcess) -> None:
    async with await client_of(product) as client:
        made = await client.post("/collections", json={"name": "Kept"})
        collection = made.raise_for_status().json()["id"]
        killed = product.postmaster()
        assert killed is not None
        killed.kill()
        await read_until_answered(client)
        assert product.postmaster() != killed

        files = {"file": ("tide.md", b"The tide turns twice a day.")}
        answer = await client.post(f"/collections/{collection}/documents", files=files)
        answer.raise_for_status()
        await wait_until_ready(client, collection)
    log = product.data_dir.with_suffix(".log").read_text("utf-8")
    assert log.count("embedded_postgres_gone") == log.count("embedded_postgres_back") == 1
