"""A fetch happens once, whatever is killed."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import httpx2
import pytest
from sqlalchemy.exc import DBAPIError

from muniment.ingestion.abandoned import sweep_abandoned
from muniment.kit.clock import SystemClock
from muniment.postgres import jobs
from muniment.postgres.engine import create_engine
from muniment.postgres.unit_of_work import Scope, Transactions
from muniment.sources.errors import FetchError
from muniment.sources.owner import Owners
from muniment.sources.repository import FetchRepository
from tests.sources.arrange import (
    HOST,
    PAGE,
    SOURCES,
    add_source,
    claim,
    count_rows,
    expire,
    fetcher,
    originals,
    read_source,
    run,
    version_of,
)
from tests.support.database import SETTINGS, TestDatabase
from tests.support.lossy_proxy import Loss, LossyProxy
from tests.support.waiting import wait_until_somebody_waits
from tests.support.web_server import WebServer
from tests.support.whole_product import WholeProduct


class TestOnce:
    async def test_a_worker_that_was_taken_for_dead_changes_nothing(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        source = await add_source(alice, collection, web.url(PAGE, HOST))
        late = await claim(migrated.worker)
        other = fetcher(product, migrated.worker)

        async def take_over() -> None:
            await expire(migrated, late)
            await other.work(await claim(migrated.worker))

        with pytest.raises(jobs.FenceLostError):
            await fetcher(product, migrated.worker, meanwhile=take_over).work(late)
        source = await read_source(alice, source)
        assert (source["status"], await version_of(alice, source)) == ("ready", 1)
        await product.finish_jobs()
        assert await count_rows(migrated, "pending_original") == 0

    async def test_what_was_killed_after_storing_is_fetched_again_and_swept(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        source = await add_source(alice, collection, web.url(PAGE))
        killed = await claim(migrated.worker)
        fetching = fetcher(product, migrated.worker)
        wanted = await fetching._begin(killed)
        assert wanted is not None
        await fetching._fetch(killed, wanted)  # and then it is gone
        assert await count_rows(migrated, "pending_original") == 1
        await expire(migrated, killed)
        await product.finish_jobs()
        source = await read_source(alice, source)
        assert (source["status"], await version_of(alice, source)) == ("ready", 1)
        await sweep_abandoned(migrated.worker, timedelta(0))
        await product.finish_jobs()
        assert await count_rows(migrated, "pending_original") == 0

    async def test_a_source_that_was_removed_meanwhile_brings_nothing(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        source = await add_source(alice, collection, web.url(PAGE, HOST))
        job = await claim(migrated.worker)
        files = originals(product)

        async def remove() -> None:
            await alice.delete(f"{SOURCES}/{source['id']}", headers={"If-Match": "*"})

        await fetcher(product, migrated.worker, meanwhile=remove).work(job)
        listed = await alice.get(f"/api/v1/collections/{collection}/documents")
        assert listed.json()["items"] == []
        assert originals(product) == files
        assert await count_rows(migrated, "job") == 0

    async def test_a_source_that_is_removed_while_its_owner_is_asked_for_has_none(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        source = await add_source(alice, collection, web.url(PAGE))
        job = await claim(migrated.worker)
        settings = product.serving.shared.settings.identity
        async with migrated.worker.begin(Scope(job.tenant_id)) as session:
            row = await FetchRepository(session).find(UUID(source["id"]))
            assert row is not None
            await run(migrated, "delete from source where id = :id", id=row.id)
            with pytest.raises(FetchError, match="may not edit"):
                await Owners(settings, SystemClock()).principal_of(session, row)
        await fetcher(product, migrated.worker).work(job)
        assert await count_rows(migrated, "job") == 0

    @pytest.mark.parametrize("loss", [Loss.ANSWER, Loss.COMMIT], ids=lambda loss: loss.name)
    async def test_a_commit_whose_answer_is_lost_keeps_its_bytes(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
        loss: Loss,
    ) -> None:
        source = await add_source(alice, collection, web.url(PAGE))
        job = await claim(migrated.worker)
        files = originals(product)
        async with LossyProxy(migrated.urls.worker).running() as proxy:
            engine = create_engine(proxy.address, SETTINGS, application="test-lossy")
            mark = b"INSERT INTO document_version "
            proxy.lose(mark, loss, partial(wait_until_somebody_waits, migrated))
            with pytest.raises((DBAPIError, OSError)):
                await fetcher(product, Transactions(engine)).work(job)
            assert proxy.lost == 1
            await engine.dispose()
        assert len(originals(product) - files) == 1
        assert await count_rows(migrated, "pending_original") == (loss is Loss.COMMIT)
        await expire(migrated, job)
        await product.finish_jobs()
        source = await read_source(alice, source)
        shown = (await alice.get(f"/api/v1/documents/{source['document_id']}")).json()
        assert (source["status"], shown["status"], shown["version"]) == ("ready", "ready", 1)
        await sweep_abandoned(migrated.worker, timedelta(0))
        await product.finish_jobs()
        assert len(originals(product) - files) == 1
