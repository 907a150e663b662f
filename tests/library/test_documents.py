"""Documents that are there: reading, changing, sharing, deleting, following."""

import asyncio

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from muniment.library.service.documents import page_spans
from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    add,
    give,
    jobs_of,
    make_collection,
    mark_failed,
    mark_ready,
    name_of,
    restrict,
    send,
)
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase

CANONICAL = "Page 1\nPage 2 𝄞"


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice")


@pytest.fixture
def bob(client_of: ClientMaker) -> httpx2.AsyncClient:
    """A member of a group, with a clearance; everybody in the group may edit or read."""
    return client_of("bob", groups=["/eng"], attributes={"clearance": 3, "department": "hr"})


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    return await make_collection(alice)


@pytest.fixture
async def document(alice: httpx2.AsyncClient, collection: str) -> str:
    return await add(alice, collection)


class TestList:
    async def test_is_narrowed_by_status_uri_and_name(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        first = await add(alice, collection, "Leave 100%.txt", fields={"uri": "https://x/1"})
        second = await add(alice, collection, "Pay.txt", b"Money.")
        await mark_ready(database, second, CANONICAL)
        path = f"{COLLECTIONS}/{collection}/documents"

        async def found(**wanted: str) -> list[str]:
            items = (await alice.get(path, params=wanted)).json()["items"]
            return [item["id"] for item in items]

        assert await found() == [second, first]
        assert await found(status="ready") == [second]
        assert await found(uri="https://x/1") == [first]
        assert await found(q="leave") == [first]
        assert await found(q="0%.") == [first]
        assert await found(q="%") == [first]
        assert await found(status="ready", q="leave") == []

    async def test_comes_in_pages(self, alice: httpx2.AsyncClient, collection: str) -> None:
        ids = [await add(alice, collection, f"{number}.txt") for number in range(3)]
        path = f"{COLLECTIONS}/{collection}/documents"
        first = (await alice.get(path, params={"limit": 2})).json()
        second = (await alice.get(path, params={"limit": 2, "cursor": first["next"]})).json()
        assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]
        assert second["next"] is None

    async def test_leaves_out_what_a_rule_hides(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient, collection: str
    ) -> None:
        await give(alice, collection, "group:/eng", "reader")
        shown = await add(alice, collection, "a.txt")
        hidden = await add(alice, collection, "b.txt", fields={"access": {"any_of": []}})
        path = f"{COLLECTIONS}/{collection}/documents"
        items = (await bob.get(path)).json()["items"]
        assert [item["id"] for item in items] == [shown]
        assert hidden not in str(items)


class TestAccess:
    async def test_is_shown_to_editors_alone(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient, collection: str, document: str
    ) -> None:
        await give(alice, collection, "group:/eng", "reader")
        rule = {"any_of": ["everyone"], "all": [{"attribute": "clearance", "gte": 3}]}
        assert (await restrict(alice, document, rule)).json() == {"rule": rule}
        assert (await alice.get(f"{DOCUMENTS}/{document}")).json()["access"] == rule
        assert "access" not in (await bob.get(f"{DOCUMENTS}/{document}")).json()
        listed = (await bob.get(f"{COLLECTIONS}/{collection}/documents")).json()["items"]
        assert [("access" in item) for item in listed] == [False]

    async def test_binds_from_the_answer_on(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient, collection: str, document: str
    ) -> None:
        await give(alice, collection, "group:/eng", "reader")
        path = f"{DOCUMENTS}/{document}"
        for rule, status in (
            ({"all": [{"attribute": "clearance", "gte": 4}]}, 404),
            ({"all": [{"attribute": "department", "in": ["hr", "legal"]}]}, 200),
            ({"any_of": ["group:/hr"]}, 404),
            (None, 200),
        ):
            assert (await restrict(alice, document, rule)).status_code == 200
            assert (await bob.get(path)).status_code == status

    @pytest.mark.parametrize(
        "condition",
        [
            {"attribute": "shoe", "eq": 1},
            {"attribute": "clearance", "eq": "3"},
            {"attribute": "clearance", "in": [1, "2"]},
            {"attribute": "department", "gte": 1},
            {"attribute": "department", "eq": 1},
        ],
    )
    async def test_needs_attributes_that_are_declared(
        self, alice: httpx2.AsyncClient, document: str, condition: object
    ) -> None:
        good = {"attribute": "clearance", "eq": 1}
        response = await restrict(alice, document, {"all": [good, condition]})
        assert (response.status_code, response.json()["code"]) == (422, "attribute_not_usable")
        assert [fault["pointer"] for fault in response.json()["errors"]] == ["/rule/all/1"]

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("role:sailor", "unknown_role"),
            ("user:https://else.example|x", "unknown_issuer"),
            ("user:01a206d8-2662-72a5-a5a8-dcddc16ae947", "unknown_user"),
        ],
    )
    async def test_needs_names_that_somebody_can_have(
        self, alice: httpx2.AsyncClient, document: str, name: str, code: str
    ) -> None:
        rule = {"any_of": ["group:/eng", name, await name_of(alice), "role:member"]}
        response = await restrict(alice, document, rule)
        assert (response.status_code, response.json()["code"]) == (422, code)
        assert [fault["pointer"] for fault in response.json()["errors"]] == ["/rule/any_of/1"]

    async def test_may_name_who_has_not_signed_in_yet(
        self, alice: httpx2.AsyncClient, document: str
    ) -> None:
        rule = {"any_of": [f"user:{ISSUER}|somebody"]}
        assert (await restrict(alice, document, rule)).status_code == 200

    async def test_needs_if_match(self, alice: httpx2.AsyncClient, document: str) -> None:
        path = f"{DOCUMENTS}/{document}/access"
        etag = (await alice.get(path)).headers["ETag"]
        assert (await alice.put(path, json={"rule": None})).status_code == 428
        rule = {"rule": {"any_of": ["everyone"]}}
        changed = await alice.put(path, json=rule, headers={"If-Match": etag})
        assert changed.headers["ETag"] != etag
        assert (await alice.put(path, json=rule, headers={"If-Match": etag})).status_code == 412

    async def test_never_locks_its_editor_out(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient, collection: str, document: str
    ) -> None:
        await give(alice, collection, "group:/eng", "editor")
        for rule in ({"any_of": ["role:auditor"]}, {"all": [{"attribute": "clearance", "gte": 4}]}):
            response = await restrict(bob, document, rule)
            assert (response.status_code, response.json()["code"]) == (409, "access_locks_you_out")
        assert (await restrict(bob, document, {"any_of": ["group:/eng"]})).status_code == 200
        assert (await restrict(alice, document, {"any_of": []})).status_code == 200


class TestRuleThatComesOrGoes:
    async def test_has_the_words_counted_anew(
        self, alice: httpx2.AsyncClient, document: str, database: TestDatabase
    ) -> None:
        rules: list[dict[str, list[str]] | None] = [
            None,
            {"any_of": []},
            {"any_of": ["everyone"]},
            {"all": []},
            None,
            None,
        ]
        recounts = []
        for rule in rules:
            assert (await restrict(alice, document, rule)).status_code == 200
            recounts.append((await jobs_of(database)).count(("count_words", document)))

        assert recounts == [0, 1, 1, 1, 2, 2]

    async def test_with_another_upload_as_well(
        self, alice: httpx2.AsyncClient, collection: str, document: str, database: TestDatabase
    ) -> None:
        again = await add(alice, collection, fields={"access": {"any_of": ["everyone"]}})

        assert again == document
        assert ("count_words", document) in await jobs_of(database)


class TestChange:
    async def test_merges_metadata(self, alice: httpx2.AsyncClient, collection: str) -> None:
        document = await add(alice, collection, fields={"metadata": {"a": 1, "b": 2}})
        response = await alice.patch(
            f"{DOCUMENTS}/{document}",
            json={"name": "new.txt", "metadata": {"a": None, "c": ["x"]}},
            headers={"If-Match": "*"},
        )
        assert response.json()["metadata"] == {"b": 2, "c": ["x"]}
        assert response.json()["name"] == "new.txt"

    @pytest.mark.parametrize(
        "body", [{"name": "a/b"}, {"name": None}, {"metadata": {"a": {}}}, {"status": "ready"}]
    )
    async def test_refuses_what_does_not_fit(
        self, alice: httpx2.AsyncClient, document: str, body: object
    ) -> None:
        path = f"{DOCUMENTS}/{document}"
        assert (await alice.patch(path, json=body, headers={"If-Match": "*"})).status_code == 422


class TestDelete:
    async def test_is_visible_at_once_and_purged_later(
        self, alice: httpx2.AsyncClient, collection: str, document: str, database: TestDatabase
    ) -> None:
        path = f"{DOCUMENTS}/{document}"
        assert (await alice.delete(path, headers={"If-Match": "*"})).status_code == 204
        for gone in (path, f"{path}/text", f"{path}/content", f"{path}/versions"):
            assert (await alice.get(gone)).status_code == 404
        assert (await alice.get(f"{COLLECTIONS}/{collection}/documents")).json()["items"] == []
        assert (await jobs_of(database))[-1] == ("purge_document", document)
        assert await add(alice, collection) != document

    async def test_needs_the_revision_that_was_seen(
        self, alice: httpx2.AsyncClient, document: str
    ) -> None:
        path = f"{DOCUMENTS}/{document}"
        assert (await alice.delete(path)).status_code == 428
        assert (await alice.delete(path, headers={"If-Match": '"old.1"'})).status_code == 412


class TestRetry:
    async def test_queues_a_failed_document(
        self, alice: httpx2.AsyncClient, document: str, database: TestDatabase
    ) -> None:
        await mark_failed(database, document)
        path = f"{DOCUMENTS}/{document}"
        assert (await alice.get(path)).json()["error"] == {
            "code": "encrypted",
            "detail": "It has a password.",
        }
        response = await alice.post(f"{path}/retry")
        assert response.status_code == 202
        assert (response.json()["status"], response.json()["error"]) == ("queued", None)
        assert await jobs_of(database) == [("ingest_document", f"{document}:1")] * 2

    async def test_refuses_one_that_has_not_failed(
        self, alice: httpx2.AsyncClient, document: str
    ) -> None:
        response = await alice.post(f"{DOCUMENTS}/{document}/retry")
        assert (response.status_code, response.json()["code"]) == (409, "not_failed")


class TestText:
    async def test_comes_with_its_pages(
        self, alice: httpx2.AsyncClient, document: str, database: TestDatabase
    ) -> None:
        await mark_ready(database, document, CANONICAL)
        read = (await alice.get(f"{DOCUMENTS}/{document}/text")).json()
        assert (read["text"], read["version"], read["title"]) == (CANONICAL, 1, "Leave")
        assert [CANONICAL[page["start"] : page["end"]] for page in read["pages"]] == [
            "Page 1\n",
            "Page 2 𝄞",
        ]

    async def test_comes_bare_for_who_asks_so(
        self, alice: httpx2.AsyncClient, document: str, database: TestDatabase
    ) -> None:
        await mark_ready(database, document, CANONICAL)
        response = await alice.get(f"{DOCUMENTS}/{document}/text", headers={"Accept": "text/plain"})
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.text == CANONICAL

    async def test_is_that_of_the_version_which_searches_find(
        self, alice: httpx2.AsyncClient, collection: str, document: str, database: TestDatabase
    ) -> None:
        await mark_ready(database, document, CANONICAL)
        await send(alice, collection, content=b"Newer.")
        path = f"{DOCUMENTS}/{document}/text"
        assert (await alice.get(path)).json()["version"] == 1
        waiting = await alice.get(path, params={"version": 2})
        assert (waiting.status_code, waiting.json()["code"]) == (409, "text_not_ready")
        missing = await alice.get(path, params={"version": 3})
        assert (missing.status_code, missing.json()["code"]) == (404, "version_not_found")

    @pytest.mark.parametrize(
        ("starts", "spans"),
        [([], []), ([0], [(1, 0, 9)]), ([0, 4, 4], [(1, 0, 4), (2, 4, 4), (3, 4, 9)])],
    )
    def test_pages_end_where_the_next_begins(
        self, starts: list[int], spans: list[tuple[int, int, int]]
    ) -> None:
        found = [(span.number, span.start, span.end) for span in page_spans(starts, 9)]
        assert found == spans


class TestContent:
    async def test_is_the_bytes_as_an_attachment(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        content = b"<script>alert(1)</script>"
        document = await add(alice, collection, "x.html", content)
        name = {"name": 'ü "x".html'}
        await alice.patch(f"{DOCUMENTS}/{document}", json=name, headers={"If-Match": "*"})
        response = await alice.get(f"{DOCUMENTS}/{document}/content")
        assert response.content == content
        assert response.headers["Content-Disposition"] == (
            "attachment; filename=\"_ _x_.html\"; filename*=UTF-8''%C3%BC%20%22x%22.html"
        )
        assert response.headers["Content-Security-Policy"].startswith("sandbox")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Length"] == str(len(content))

    async def test_of_an_old_version_is_still_there(
        self, alice: httpx2.AsyncClient, collection: str, document: str
    ) -> None:
        await send(alice, collection, content=b"Newer.")
        path = f"{DOCUMENTS}/{document}/content"
        assert (await alice.get(path)).content == b"Newer."
        assert (await alice.get(path, params={"version": 1})).content == b"Thirty days of leave."

    async def test_that_is_lost_is_a_typed_error(
        self, alice: httpx2.AsyncClient, document: str, database: TestDatabase
    ) -> None:
        async with database.owner.begin() as owner:
            await owner.execute(text("update document_version set original_key = repeat('0', 32)"))
        response = await alice.get(f"{DOCUMENTS}/{document}/content")
        assert (response.status_code, response.json()["code"]) == (404, "original_gone")


class TestEvents:
    async def test_of_a_document_end_when_it_is_ready(
        self, alice: httpx2.AsyncClient, document: str, database: TestDatabase
    ) -> None:
        async def finish() -> None:
            await asyncio.sleep(0.2)
            await mark_ready(database, document, CANONICAL)

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(finish())
            response = await alice.get(f"{DOCUMENTS}/{document}/events")
        assert response.headers["Content-Type"].startswith("text/event-stream")
        events = response.text.strip().split("\n\n")
        assert len(events) == 2
        assert all(event.startswith("event: progress\ndata: ") for event in events)
        assert '"status":"queued"' in events[0]
        assert '"status":"ready","progress":1.0' in events[1]

    async def test_of_a_document_end_when_it_is_gone(
        self, alice: httpx2.AsyncClient, document: str
    ) -> None:
        async def delete() -> None:
            await asyncio.sleep(0.1)
            await alice.delete(f"{DOCUMENTS}/{document}", headers={"If-Match": "*"})

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(delete())
            response = await alice.get(f"{DOCUMENTS}/{document}/events")
        assert response.text.count("event: progress") == 1

    async def test_of_a_collection_end_when_all_are_done(
        self, alice: httpx2.AsyncClient, collection: str, document: str, database: TestDatabase
    ) -> None:
        other = await add(alice, collection, "b.txt")

        async def finish() -> None:
            for one in (document, other):
                await asyncio.sleep(0.1)
                await mark_ready(database, one, CANONICAL)

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(finish())
            response = await alice.get(f"{COLLECTIONS}/{collection}/events")
        assert response.text.count('"status":"ready"') == 2
        again = await alice.get(f"{COLLECTIONS}/{collection}/events")
        assert again.text.startswith("event: collection\ndata: ")
        assert again.text.count("event: ") == 1
