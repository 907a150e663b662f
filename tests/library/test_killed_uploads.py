"""kill -9 at every point of an upload: afterwards the store holds what documents speak of."""

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from muniment.adapters.originals.filesystem import FilesystemOriginals
from muniment.ingestion.abandoned import sweep_abandoned
from muniment.ingestion.settings import IngestionSettings
from muniment.ingestion.tasks import PurgeOriginal
from muniment.ingestion.worker import Worker
from muniment.ports.jobs import PURGE_ORIGINAL
from tests.library.arrange import COLLECTIONS, Shelf, jobs_of, make_collection, pending_in
from tests.library.dying_upload import Orders, Point
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase

PROGRAM = "tests.library.dying_upload"
ROOT = Path(__file__).parents[2]
LEFT_IN_THE_STORE = {
    Point.BEFORE_THE_FIRST_BYTE: 0,
    Point.IN_MID_FILE: 1,
    Point.BEFORE_THE_REGISTRATION: 1,
    Point.BEFORE_THE_COMMIT: 1,
}


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice")


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    return await make_collection(alice)


async def upload_and_die(
    point: Point, database: TestDatabase, folder: Path, collection: str
) -> None:
    async with database.owner.connect() as owner:
        found = await owner.execute(
            text("select tenant_id, created_by from collection where id = :id"),
            {"id": UUID(collection)},
        )
        tenant_id, user_id = found.one()
    address = database.urls.serving.get_secret_value()
    orders = Orders(point, address, str(folder), tenant_id, str(user_id), collection)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", PROGRAM), cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    await child.communicate(orders.as_json())
    assert child.returncode == -signal.SIGKILL


async def sweep(database: TestDatabase, folder: Path) -> int:
    """Do what a worker does in time, for uploads of any age."""
    swept = await sweep_abandoned(database.worker, timedelta(0))
    purge = PurgeOriginal(database.worker, FilesystemOriginals(folder))
    worker = Worker(database.worker, {PURGE_ORIGINAL: purge}, IngestionSettings())
    for _ in range(swept):
        assert await worker.run_one()
    return swept


class TestKilled:
    @pytest.mark.parametrize("point", LEFT_IN_THE_STORE, ids=str)
    async def test_before_its_commit_an_upload_leaves_nothing(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        database: TestDatabase,
        tmp_path: Path,
        point: Point,
    ) -> None:
        await upload_and_die(point, database, tmp_path, collection)
        assert len(Shelf.files_in(tmp_path)) == LEFT_IN_THE_STORE[point]
        assert await pending_in(database) == 1

        assert await sweep(database, tmp_path) == 1

        assert Shelf.files_in(tmp_path) == frozenset()
        assert await pending_in(database) == 0
        assert await jobs_of(database) == []
        listed = await alice.get(f"{COLLECTIONS}/{collection}/documents")
        assert listed.json()["items"] == []

    async def test_after_its_commit_an_upload_is_there_and_never_swept(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        database: TestDatabase,
        tmp_path: Path,
    ) -> None:
        await upload_and_die(Point.AFTER_THE_COMMIT, database, tmp_path, collection)
        assert await pending_in(database) == 0

        assert await sweep(database, tmp_path) == 0

        assert len(Shelf.files_in(tmp_path)) == 1
        [(kind, _)] = await jobs_of(database)
        assert kind == "ingest_document"
        listed = await alice.get(f"{COLLECTIONS}/{collection}/documents")
        assert [document["name"] for document in listed.json()["items"]] == ["tides.txt"]
