import httpx2
import pytest

from tests.library.arrange import add, give, make_collection, name_of, restrict
from tests.sources.arrange import SOURCES, Shown, add_source, count_rows, post_source, read_source
from tests.support.callers import MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.web_server import WebServer, answer
from tests.support.whole_product import WholeProduct

ANY = {"If-Match": "*"}


class TestAdd:
    async def test_a_document_comes_from_its_address(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        response = await post_source(
            alice,
            collection,
            web.url("/leave.txt#top"),
            refetch_every="PT1H",
            access={"any_of": ["group:/eng"]},
            metadata={"year": 2026},
        )
        assert response.status_code == 202
        source = response.json()
        assert response.headers["Location"] == f"{SOURCES}/{source['id']}"
        assert (source["status"], source["document_id"]) == ("queued", None)
        await product.finish_jobs()
        source = await read_source(alice, source)
        assert (source["status"], source["error"]) == ("ready", None)
        assert source["refetch_every"] == "PT1H"
        assert None not in {source["fetched_at"], source["next_fetch_at"]}
        document = (await alice.get(f"/api/v1/documents/{source['document_id']}")).json()
        assert (document["name"], document["uri"]) == ("leave.txt", web.url("/leave.txt"))
        assert (document["status"], document["version"]) == ("ready", 1)
        assert document["access"]["any_of"] == ["group:/eng"]
        assert document["metadata"] == {"year": 2026}
        found = await alice.post("/api/v1/search", json={"query": "days of leave"})
        assert found.json()["results"][0]["document_id"] == source["document_id"]

    async def test_once_is_once(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        source = await add_source(alice, collection, web.url("/leave.txt"))
        await product.finish_jobs()
        source = await read_source(alice, source)
        assert (source["refetch_every"], source["next_fetch_at"]) == (None, None)

    async def test_the_same_address_is_the_same_source(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        url = web.url("/leave.txt")
        first = await add_source(alice, collection, url, refetch_every=600)
        again = await add_source(alice, collection, url)
        assert (again["id"], again["refetch_every"]) == (first["id"], "PT10M")
        await product.finish_jobs()
        assert web.paths() == ["/leave.txt"]
        once = await add_source(alice, collection, url, refetch_every=None)
        assert (once["id"], once["refetch_every"]) == (first["id"], None)

    @pytest.mark.parametrize("status", [304, 404])
    async def test_what_is_said_of_a_known_document_holds_at_once(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        source: Shown,
        web: WebServer,
        status: int,
    ) -> None:
        """Whatever the fetch comes to: one that runs already, or one of a page that is gone."""
        if status == 304:
            await alice.post(f"{SOURCES}/{source['id']}/fetch")
        rule, meta = {"any_of": ["group:/eng"]}, {"year": 2026}
        ruled = await add_source(
            alice, source["collection_id"], source["url"], access=rule, metadata=meta
        )
        assert ruled["id"] == source["id"]
        path = f"/api/v1/documents/{source['document_id']}"
        shown = (await alice.get(path)).json()
        assert (shown["access"]["any_of"], shown["metadata"]) == (rule["any_of"], meta)
        web.answers["/leave.txt"] = answer(status=status)
        await product.finish_jobs()
        again = (await alice.get(path)).json()
        assert (again["access"], again["version"]) == (shown["access"], 1)

    async def test_a_rule_that_locks_its_giver_out_is_refused(
        self, product: WholeProduct, alice: httpx2.AsyncClient, source: Shown
    ) -> None:
        rule = {"any_of": ["group:/eng"]}
        async with product.client(CallerSpec("edith", MEMBER)) as edith:
            await give(alice, source["collection_id"], await name_of(edith), "editor")
            refused = await post_source(edith, source["collection_id"], source["url"], access=rule)
        assert (refused.status_code, refused.json()["code"]) == (409, "access_locks_you_out")
        shown = (await alice.get(f"/api/v1/documents/{source['document_id']}")).json()
        assert shown["access"] is None
        assert (await read_source(alice, source))["status"] == "ready"

    async def test_an_upload_of_that_uri_is_the_same_document(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        url = web.url("/leave.txt")
        document = await add(alice, collection, "mine.txt", b"Old words.", fields={"uri": url})
        source = await add_source(alice, collection, url)
        assert source["document_id"] == document
        await product.finish_jobs()
        assert (await read_source(alice, source))["document_id"] == document
        shown = (await alice.get(f"/api/v1/documents/{document}")).json()
        assert shown["version"] == 2

    @pytest.mark.parametrize(
        ("body", "pointer", "code"),
        [
            ({"url": "file:///etc/passwd"}, "/url", "scheme_refused"),
            ({"url": "http://a:b@example.org/"}, "/url", "credentials_refused"),
            ({"url": "http://example.org:6379/"}, "/url", "port_refused"),
            ({"url": "http://2130706433/"}, "/url", "url_malformed"),
            ({"url": "http://example.org/", "refetch_every": 299}, "/refetch_every", None),
            ({"url": "http://example.org/", "metadata": {"a b": 1}}, "/metadata", None),
            (
                {"url": "http://example.org/", "access": {"all": [{"attribute": "x", "eq": 1}]}},
                "/access/all/0",
                "attribute_not_usable",
            ),
            (
                {"url": "http://example.org/", "access": {"any_of": ["role:nobody"]}},
                "/access/any_of/0",
                "unknown_role",
            ),
        ],
    )
    async def test_what_cannot_be_is_refused_at_once(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        migrated: TestDatabase,
        body: dict[str, object],
        pointer: str,
        code: str | None,
    ) -> None:
        before = await count_rows(migrated, "source")
        response = await alice.post(f"/api/v1/collections/{collection}/sources", json=body)
        assert response.status_code == 422, response.text
        [fault] = response.json()["errors"]
        assert fault["pointer"].startswith(pointer)
        assert code in {None, fault["code"]}
        assert await count_rows(migrated, "source") == before

    async def test_a_repeated_request_gets_the_first_answer(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        path, body = f"/api/v1/collections/{collection}/sources", {"url": "http://10.0.0.1/"}
        answers = [
            await alice.post(path, json=body, headers={"Idempotency-Key": "one-source"})
            for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json()
        assert answers[1].headers["Idempotent-Replay"] == "true"

    @pytest.mark.parametrize("kind", ["sources", "documents"])
    async def test_a_repeated_request_does_not_tell_of_a_source_that_is_gone(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        kind: str,
    ) -> None:
        path, body = f"/api/v1/collections/{collection}/sources", {"url": web.url("/leave.txt")}
        key = {"Idempotency-Key": f"gone-with-{kind}"}
        source = (await alice.post(path, json=body, headers=key)).json()
        await product.finish_jobs()
        source = await read_source(alice, source)
        gone = source["id"] if kind == "sources" else source["document_id"]
        assert (await alice.delete(f"/api/v1/{kind}/{gone}", headers=ANY)).status_code == 204
        again = await alice.post(path, json=body, headers=key)
        assert (again.status_code, again.json()["code"]) == (410, "answer_gone")
        assert body["url"] not in again.text


class TestList:
    async def test_editors_see_the_sources_of_documents_that_they_may_edit(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        async with (
            product.client(CallerSpec("edith", MEMBER)) as edith,
            product.client(CallerSpec("rene", MEMBER)) as rene,
        ):
            await give(alice, collection, await name_of(edith), "editor")
            await give(alice, collection, await name_of(rene), "reader")
            source = await add_source(alice, collection, web.url("/leave.txt"))
            hidden = await add_source(
                alice, collection, web.url("/secret.txt"), access={"any_of": ["group:/eng"]}
            )
            await product.finish_jobs()
            path = f"/api/v1/collections/{collection}/sources"
            listed = (await alice.get(path)).json()["items"]
            assert [one["id"] for one in listed] == [hidden["id"], source["id"]]
            assert (await alice.get(path, params={"limit": 1})).json()["next"] is not None
            listed = (await edith.get(path)).json()["items"]
            assert [one["id"] for one in listed] == [source["id"]]
            assert (await edith.get(f"{SOURCES}/{hidden['id']}")).status_code == 404
            assert (await rene.get(path)).status_code == 403
            assert (await rene.get(f"{SOURCES}/{source['id']}")).status_code == 404
            document = (await read_source(alice, source))["document_id"] or ""
            await restrict(alice, document, {"any_of": ["group:/eng"]})
            assert (await edith.get(f"{SOURCES}/{source['id']}")).status_code == 404

    async def test_a_page_goes_on_after_its_cursor(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        made = [
            (await add_source(alice, collection, f"http://10.0.0.{number}/"))["id"]
            for number in range(3)
        ]
        path, cursor, seen = f"/api/v1/collections/{collection}/sources", None, []
        while True:
            wanted = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            page = (await alice.get(path, params=wanted)).json()
            seen += [one["id"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == made[::-1]


class TestChange:
    async def test_the_schedule_can_be_changed_and_taken_away(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        source = await add_source(alice, collection, web.url("/leave.txt"))
        await product.finish_jobs()
        path = f"{SOURCES}/{source['id']}"
        etag = (await alice.get(path)).headers["ETag"]
        body = {"refetch_every": "P1D"}
        changed = await alice.patch(path, json=body, headers={"If-Match": etag})
        assert changed.json()["refetch_every"] == "P1D"
        assert changed.json()["next_fetch_at"] is not None
        assert (await alice.patch(path, json=body, headers={"If-Match": etag})).status_code == 412
        assert (await alice.patch(path, json=body)).status_code == 428
        same = await alice.patch(path, json={}, headers=ANY)
        assert same.json()["refetch_every"] == "P1D"
        taken = await alice.patch(path, json={"refetch_every": None}, headers=ANY)
        assert (taken.json()["refetch_every"], taken.json()["next_fetch_at"]) == (None, None)


class TestRemove:
    async def test_the_document_stays(
        self, product: WholeProduct, alice: httpx2.AsyncClient, collection: str, web: WebServer
    ) -> None:
        source = await add_source(alice, collection, web.url("/leave.txt"))
        await product.finish_jobs()
        document = (await read_source(alice, source))["document_id"]
        path = f"{SOURCES}/{source['id']}"
        assert (await alice.delete(path)).status_code == 428
        assert (await alice.delete(path, headers=ANY)).status_code == 204
        assert (await alice.get(path)).status_code == 404
        assert (await alice.delete(path, headers=ANY)).status_code == 404
        assert (await alice.get(f"/api/v1/documents/{document}")).status_code == 200

    async def test_a_document_takes_its_source_with_it(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        collection: str,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        source = await add_source(alice, collection, web.url("/leave.txt"))
        await product.finish_jobs()
        document = (await read_source(alice, source))["document_id"]
        before = await count_rows(migrated, "source")
        await alice.delete(f"/api/v1/documents/{document}", headers=ANY)
        assert (await alice.get(f"{SOURCES}/{source['id']}")).status_code == 404
        await product.finish_jobs()
        assert await count_rows(migrated, "source") == before - 1

    async def test_a_collection_takes_its_sources_with_it(
        self,
        product: WholeProduct,
        alice: httpx2.AsyncClient,
        web: WebServer,
        migrated: TestDatabase,
    ) -> None:
        collection = await make_collection(alice)
        before = await count_rows(migrated, "source")
        await add_source(alice, collection, web.url("/leave.txt"))
        await product.finish_jobs()
        await add_source(alice, collection, web.url("/other.txt"))
        await alice.delete(f"/api/v1/collections/{collection}", headers=ANY)
        await product.finish_jobs()
        assert await count_rows(migrated, "source") == before
        assert web.paths() == ["/leave.txt"]
