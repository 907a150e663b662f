"""kill -9 of the whole product while a file comes in: the next start clears away what was left."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

from muniment.postgres.embedded.supervisor import EmbeddedPostgres
from tests.support.product_process import ProductProcess, product_process

HASHING = {"MUNIMENT_EMBEDDING__SPACE": "hashing", "MUNIMENT_DATABASE__EMBEDDED_FSYNC": "false"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
PATIENCE_S = 30
pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.slow]


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[ProductProcess]:
    async with product_process(tmp_path / "product", HASHING) as running:
        yield running


def originals(product: ProductProcess) -> list[Path]:
    return [path for path in (product.data_dir / "originals").rglob("*") if path.is_file()]


async def upload_without_end(product: ProductProcess, token: str) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield HEAD + b"The tide turns. " * 200_000
        await asyncio.Event().wait()

    headers = {"Authorization": f"Bearer {token}"}
    base = f"{product.address}/api/v1"
    async with httpx2.AsyncClient(base_url=base, headers=headers, timeout=None) as client:
        made = await client.post("/collections", json={"name": "Tides"})
        path = f"/collections/{made.raise_for_status().json()['id']}/documents"
        await client.post(path, content=content(), headers=FORM)


async def age_pending_rows(product: ProductProcess) -> int:
    """Let two days pass for the rows; give their number."""
    async with EmbeddedPostgres(product.data_dir / "postgres") as urls:
        connection = await asyncpg.connect(urls.superuser.get_secret_value())
        try:
            status = await connection.execute(
                "update pending_original set stored_at = stored_at - interval '2 days'"
            )
        finally:
            await connection.close()
    return int(status.removeprefix("UPDATE "))


async def test_what_a_killed_upload_has_stored_is_cleared_away(product: ProductProcess) -> None:
    token = await product.token("owner", "member")
    uploading = asyncio.create_task(upload_without_end(product, token))
    async with asyncio.timeout(PATIENCE_S):
        while not originals(product):
            await asyncio.sleep(0.02)
    await product.kill()
    uploading.cancel()
    await asyncio.wait([uploading])
    assert [path.suffix for path in originals(product)] == [".part"]
    assert await age_pending_rows(product) == 1

    await product.start()

    async with asyncio.timeout(PATIENCE_S):
        while originals(product):
            await asyncio.sleep(0.02)
    await product.stop()
    assert await age_pending_rows(product) == 0
