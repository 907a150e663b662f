"""Fetching: what comes of it, and when it is done again."""

import asyncio
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from muniment.library.settings import TenantLimits
from muniment.sources.tasks import plan_fetches
from tests.library.arrange import make_collection
from tests.sources.arrange import (
    PAGE,
    SOURCES,
    Shown,
    add_source,
    claim,
    count_rows,
    fetcher,
    make_due,
    originals,
    outcome,
    read_source,
    refetch,
    run,
    version_of,
)
from tests.support.callers import MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.web_server import WebServer, answer, redirect
from tests.support.whole_product import WholeProduct


class TestFollowing:
    async def test_new_bytes_are_a_new_version(
        self, product: WholeProduct, alice: httpx2.AsyncClient, web: WebServer, source: Shown
    ) -> None:
        web.answers[PAGE] = answer(b"Forty days of leave.")
        again = await refetch(product, alice, source)
        assert again["document_id"] == source["document_id"]
        assert await version_of(alice, source) == 2
        path = f"/api/v1/documents/{source['document_id']}/text"
        assert (await alice.get(path)).json()["text"] == "Forty days of leave."

    async def test_a_server_that_says_unchanged_is_believed(
        self, product: WholeProduct, alice: httpx2.AsyncClient, web: WebServer, source: Shown
    ) -> None:
        web.answers[PAGE] = answer(status=304)
        await refetch(product, alice, source)
        again = await refetch(product, alice, source)
        assert [asked.headers["if-none-match"] for asked in web.asked[-2:]] == ['"one"'] * 2
        assert again["status"] == "ready"
        assert again["fetched_at"] != source["fetched_at"]
        assert await version_of(alice, source) == 1

    async def test_the_same_bytes_are_no_new_version_and_are_not_kept(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        source: Shown,
        migrated: TestDatabase,
    ) -> None:
        files = originals(product)
        assert (await refetch(product, alice, source))["status"] == "ready"
        assert await version_of(alice, source) == 1
        assert originals(product) == files
        assert await count_rows(migrated, "pending_original") == 0

    async def test_what_cannot_be_read_is_not_tried_with_each_fetch(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        web.answers["/broken.pdf"] = answer(b"%PDF-1.7 and nothing more")
        source = await add_source(alice, collection, web.url("/broken.pdf"))
        await product.finish_jobs()
        again = await refetch(product, alice, source)
        assert await version_of(alice, again) == 1
        shown = await alice.get(f"/api/v1/documents/{again['document_id']}")
        assert (again["status"], shown.json()["status"]) == ("ready", "failed")

    @pytest.mark.parametrize("told", [{}, {"ETag": '"one"'}])
    async def test_bytes_that_went_missing_are_fetched_whole_and_kept(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        web: WebServer,
        source: Shown,
        migrated: TestDatabase,
        told: dict[str, str],
    ) -> None:
        web.answers[PAGE] = answer(b"Thirty days of leave.", headers=told)
        document = UUID(source["document_id"] or "")
        for file in originals(product):
            file.unlink()
        lost = "update document set status = 'failed', error_code = 'original_missing'"
        await run(migrated, f"{lost} where id = :id", id=document)
        again = await refetch(product, alice, source)
        assert "if-none-match" not in web.asked[-1].headers
        shown = (await alice.get(f"/api/v1/documents/{document}")).json()
        assert (again["status"], shown["status"], shown["version"]) == ("ready", "ready", 2)

    async def test_a_rule_that_waits_is_not_lost_to_a_server_that_says_unchanged(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        web: WebServer,
        source: Shown,
        migrated: TestDatabase,
    ) -> None:
        whole, web.answers[PAGE] = web.answers[PAGE], answer(status=304)
        await alice.post(f"{SOURCES}/{source['id']}/fetch")
        job = await claim(migrated.worker)
        fetching = fetcher(product, migrated.worker)
        wanted = await fetching._begin(job)
        assert wanted is not None
        rule = """update source set rule = '{"any_of": ["group:/eng"]}' where id = :id"""
        await run(migrated, rule, id=UUID(source["id"]))
        await fetching._keep(job, wanted, await fetching._fetch(job, wanted))
        assert await outcome(alice, source) == ("queued", None)
        web.answers[PAGE] = whole
        await product.finish_jobs()
        assert "if-none-match" not in web.asked[-1].headers
        shown = (await alice.get(f"/api/v1/documents/{source['document_id']}")).json()
        assert shown["access"]["any_of"] == ["group:/eng"]
        assert await outcome(alice, source) == ("ready", None)

    async def test_a_name_that_was_given_to_the_document_stays(
        self, product: WholeProduct, alice: httpx2.AsyncClient, web: WebServer, source: Shown
    ) -> None:
        path = f"/api/v1/documents/{source['document_id']}"
        await alice.patch(path, json={"name": "Leave.txt"}, headers={"If-Match": "*"})
        web.answers[PAGE] = answer(b"Forty days of leave.")
        await refetch(product, alice, source)
        assert (await alice.get(path)).json()["name"] == "Leave.txt"

    async def test_a_redirect_leads_to_the_same_document(
        self, product: WholeProduct, alice: httpx2.AsyncClient, web: WebServer, source: Shown
    ) -> None:
        web.answers["/new.html"] = answer(b"<p>Moved", headers={"Content-Type": "text/html"})
        web.answers[PAGE] = redirect("/new.html", 301)
        await refetch(product, alice, source)
        shown = (await alice.get(f"/api/v1/documents/{source['document_id']}")).json()
        assert (shown["uri"], shown["media_type"]) == (web.url(PAGE), "text/html")


class TestFailing:
    @pytest.mark.parametrize(
        ("wrong", "code", "status"),
        [
            (answer(b"no", 404), "http_error", "failing"),
            (answer(b"no", 410), "http_error", "stopped"),
            (answer(b"no", 503), "http_error", "failing"),
            (answer(b"", 200), "empty_file", "failing"),
            (answer(b"PK\x03\x04 and no document"), "unsupported_document", "failing"),
            (redirect("http://10.0.0.1/"), "address_refused", "failing"),
        ],
    )
    async def test_the_document_stays_and_the_source_says_why(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        web: WebServer,
        source: Shown,
        wrong: bytes,
        code: str,
        status: str,
    ) -> None:
        web.answers[PAGE] = wrong
        failed = await refetch(product, alice, source)
        assert failed["error"] is not None
        assert failed["error"]["code"] == code
        assert failed["status"] == status
        assert (failed["next_fetch_at"] is None) == (status == "stopped")
        assert failed["fetched_at"] == source["fetched_at"]
        assert await version_of(alice, source) == 1
        web.answers[PAGE] = answer(b"Forty days of leave.")
        mended = await refetch(product, alice, source)
        assert (mended["status"], mended["error"]) == ("ready", None)
        assert await version_of(alice, source) == 2

    async def test_the_limits_of_uploads_hold(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        web: WebServer,
        source: Shown,
        migrated: TestDatabase,
    ) -> None:
        web.answers[PAGE] = b"HTTP/1.1 200 OK\r\n\r\nForty days of leave, and more than ever."
        full = TenantLimits.model_validate({"bytes": 40})
        for fetching, code in (
            (fetcher(product, migrated.worker, max_bytes=30), "too_large"),
            (fetcher(product, migrated.worker, limits=full), "tenant_full"),
            (fetcher(product, migrated.worker, limits=TenantLimits(waiting=1)), "queue_full"),
        ):
            await alice.post(f"{SOURCES}/{source['id']}/fetch")
            job = await claim(migrated.worker)
            if code == "queue_full":
                await add_source(alice, source["collection_id"], web.url("/next"))
            files = originals(product)
            await fetching.work(job)
            assert await outcome(alice, source) == ("failing", code)
            assert originals(product) == files

    async def test_a_fetch_that_breaks_again_and_again_is_told(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        source: Shown,
        migrated: TestDatabase,
    ) -> None:
        await alice.post(f"{SOURCES}/{source['id']}/fetch")
        job = await claim(migrated.worker)
        await fetcher(product, migrated.worker).give_up(job, "KilledError")
        assert await outcome(alice, source) == ("failing", "fetch_broke")
        async with migrated.owner.begin() as owner:
            await owner.execute(text("delete from job"))


class TestPlan:
    async def test_what_is_due_is_fetched_once_and_is_due_again(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        web: WebServer,
        source: Shown,
        migrated: TestDatabase,
    ) -> None:
        assert await plan_fetches(migrated.worker) == 0
        web.asked.clear()
        web.answers[PAGE] = answer(b"Forty days of leave.")
        await make_due(migrated, source)
        planned = await asyncio.gather(*(plan_fetches(migrated.worker) for _ in range(3)))
        assert sorted(planned) == [0, 0, 1]
        await product.finish_jobs()
        assert web.paths() == [PAGE]
        again = await read_source(alice, source)
        assert (again["status"], await version_of(alice, again)) == ("ready", 2)
        assert again["next_fetch_at"] is not None
        assert await plan_fetches(migrated.worker) == 0

    async def test_a_host_is_asked_for_one_at_a_time(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        sources = [
            await add_source(alice, collection, web.url(f"/{number}.txt"), refetch_every=600)
            for number in range(2)
        ]
        other = await add_source(alice, collection, "http://10.0.0.9/", refetch_every=600)
        await product.finish_jobs()
        await make_due(migrated, *sources, other)
        async with product.client(CallerSpec("tess", MEMBER, tenant="other")) as tess:
            theirs = await add_source(
                tess, await make_collection(tess), web.url("/theirs.txt"), refetch_every=600
            )
            await product.finish_jobs()
        assert await plan_fetches(migrated.worker) == 2
        assert await plan_fetches(migrated.worker) == 0
        await make_due(migrated, theirs)
        assert await plan_fetches(migrated.worker) == 1  # another tenant does not wait for these
        await product.finish_jobs()
        assert await plan_fetches(migrated.worker) == 1
        await product.finish_jobs()
