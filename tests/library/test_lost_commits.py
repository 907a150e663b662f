"""A creating request whose COMMIT got lost, sent again with its key: the work is done once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from muniment.adapters.originals.filesystem import FilesystemOriginals
from muniment.identity.local_issuer import LocalIssuer
from muniment.ingestion.abandoned import sweep_abandoned
from muniment.postgres.engine import create_engine
from muniment.postgres.unit_of_work import Transactions
from tests.library.arrange import COLLECTIONS, Shelf, jobs_of, make_collection, pending_in, send
from tests.library.conftest import running_library
from tests.support.app import make_client
from tests.support.callers import CallerSpec
from tests.support.database import SETTINGS, TestDatabase
from tests.support.lossy_proxy import Loss, LossyProxy
from tests.support.waiting import wait_until_somebody_waits

KEY = {"Idempotency-Key": "once"}
LOSSES = pytest.mark.parametrize("loss", Loss, ids=lambda loss: loss.name)


@dataclass
class LossyProduct:
    """The application, on a database that it reaches by the proxy alone."""

    proxy: LossyProxy
    alice: httpx2.AsyncClient
    database: TestDatabase

    def lose_commit_of(self, statement: bytes, loss: Loss) -> None:
        self.proxy.lose(statement, loss, partial(wait_until_somebody_waits, self.database))

    async def count(self, table: str) -> int:
        async with self.database.owner.connect() as owner:
            return int((await owner.execute(text(f"select count(*) from {table}"))).scalar_one())


@pytest.fixture
async def product(
    local_issuer: LocalIssuer, database: TestDatabase, originals_folder: Path
) -> AsyncIterator[LossyProduct]:
    async with LossyProxy(database.urls.serving).running() as proxy:
        engine = create_engine(proxy.address, SETTINGS, application="test-lossy")
        behind = replace(database, serving=Transactions(engine))
        async with (
            running_library(local_issuer, behind, FilesystemOriginals(originals_folder)) as app,
            make_client(app, local_issuer, CallerSpec("alice")) as alice,
        ):
            yield LossyProduct(proxy, alice, database)
        await engine.dispose()


class TestCollection:
    @LOSSES
    async def test_is_made_once(self, product: LossyProduct, loss: Loss) -> None:
        product.lose_commit_of(b"INSERT INTO collection ", loss)
        body = {"name": "Handbook"}
        first = await product.alice.post(COLLECTIONS, json=body, headers=KEY)
        again = await product.alice.post(COLLECTIONS, json=body, headers=KEY)
        assert product.proxy.lost == 1
        assert (first.status_code, again.status_code) == (503, 201)
        assert first.headers["Retry-After"]
        assert ("Idempotent-Replay" in again.headers) is (loss is not Loss.COMMIT)
        assert await product.count("collection") == 1
        read = await product.alice.get(again.headers["Location"])
        assert read.json() == again.json()


class TestUpload:
    @LOSSES
    async def test_is_registered_once(self, product: LossyProduct, loss: Loss) -> None:
        collection = await make_collection(product.alice)
        product.lose_commit_of(b"INSERT INTO document ", loss)
        first = await send(product.alice, collection, headers=KEY)
        again = await send(product.alice, collection, headers=KEY)
        assert product.proxy.lost == 1
        assert (first.status_code, again.status_code) == (503, 202)
        [document] = again.json()["documents"]
        assert await product.count("document_version") == 1
        assert await jobs_of(product.database) == [("ingest_document", f"{document['id']}:1")]

    @pytest.mark.parametrize("loss", [Loss.ANSWER, Loss.COMMIT], ids=lambda loss: loss.name)
    async def test_leaves_no_bytes_without_a_row(
        self, product: LossyProduct, stored: Shelf, loss: Loss
    ) -> None:
        """Those of the lost commit are kept until the sweep finds that nobody has them."""
        collection = await make_collection(product.alice)
        product.lose_commit_of(b"INSERT INTO document ", loss)
        await send(product.alice, collection)
        is_committed = loss is not Loss.COMMIT
        assert len(stored.new()) == 1
        assert await pending_in(product.database) == (0 if is_committed else 1)
        assert await product.count("document_version") == (1 if is_committed else 0)
        swept = await sweep_abandoned(product.database.worker, timedelta(0))
        assert swept == (0 if is_committed else 1)
