"""A document that kills its worker at every attempt: parked after three, and alone in that."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase
from tests.support.whole_product import whole_product
from tests.trials.deadly_worker import POISON, Orders

PROGRAM = "tests.trials.deadly_worker"
ROOT = Path(__file__).parents[2]
GOOD = ("anchor.txt", "ballast.txt", "cable.txt", "derrick.txt")
BAD = "poison.txt"
MOST_STARTS = 6
pytestmark = pytest.mark.timeout(300)


async def work_until_empty(database: TestDatabase, folder: Path) -> list[int]:
    """Start the worker until it ends by itself; give how each start ended."""
    urls = database.urls
    orders = Orders(
        owner=urls.owner.get_secret_value(),
        serving=urls.serving.get_secret_value(),
        worker=urls.worker.get_secret_value(),
        folder=str(folder),
        concurrency=3,
    )
    ends: list[int] = []
    while 0 not in ends and len(ends) < MOST_STARTS:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", PROGRAM), cwd=ROOT, stdin=asyncio.subprocess.PIPE
        )
        await child.communicate(orders.as_json())
        assert child.returncode is not None
        ends.append(child.returncode)
    return ends


async def upload(client: httpx2.AsyncClient) -> str:
    """Upload the deadly document before the others; give the collection."""
    made = await client.post("/api/v1/collections", json={"name": "Herbs"})
    collection = str(made.raise_for_status().json()["id"])
    for name in (BAD, *GOOD):
        content = f"A cup of {POISON}." if name == BAD else f"This is about {name}."
        answer = await client.post(
            f"/api/v1/collections/{collection}/documents",
            files={"file": (name, content.encode())},
        )
        assert answer.status_code == 202, answer.text
    return collection


async def test_kills_three_workers_and_no_other_document_is_lost(
    database: TestDatabase, tmp_path: Path
) -> None:
    async with (
        whole_product(database, tmp_path / "data") as product,
        product.client(CallerSpec("alice")) as client,
    ):
        collection = await upload(client)

        ends = await work_until_empty(database, tmp_path / "data")

        assert ends == [-signal.SIGKILL] * 3 + [0]
        listed = await client.get(f"/api/v1/collections/{collection}/documents")
        documents = {item["name"]: item for item in listed.raise_for_status().json()["items"]}
        assert {name: documents[name]["status"] for name in documents} == {
            BAD: "failed",
            **dict.fromkeys(GOOD, "ready"),
        }
        assert documents[BAD]["error"]["code"] == "ingestion_failed"
        assert "failed 3 times" in documents[BAD]["error"]["detail"]
        async with database.owner.connect() as owner:
            left = await owner.execute(text("select state, key from job"))
            assert [(row.state, row.key) for row in left] == [
                ("parked", f"{documents[BAD]['id']}:1")
            ]
