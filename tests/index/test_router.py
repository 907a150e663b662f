"""The chunks of a document over HTTP: literal slices in order, for its readers alone."""

from collections.abc import AsyncIterator

import pytest
from starlette.types import ASGIApp

from muniment.identity.local_issuer import DEFAULT_TENANT, LocalIssuer
from muniment.index.router import router as chunks
from muniment.kit.clock import SystemClock
from muniment.library.access_rules import AccessRule
from muniment.ports.parsing import Heading, ParsedDocument
from tests.support.app import make_client, running_app
from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase
from tests.support.searching import open_shelf
from tests.support.shelf import Placed, Shelf

PARTS = [f"Pier {n} \U0001f6a2\n\n" + f"Boat{n} e\u0301 漢 lies here. " * 40 for n in range(5)]
TEXT = "\n\n".join(part.strip() for part in PARTS)
READERS = CallerSpec("reader", groups=("/staff",))


@pytest.fixture
async def shelf(database: TestDatabase) -> AsyncIterator[Shelf]:
    async with open_shelf(database, DEFAULT_TENANT) as shelf:
        yield shelf


@pytest.fixture
async def document(shelf: Shelf) -> Placed:
    """A long document with headings and pages, for one group."""
    collection = await shelf.add_collection({"group:/staff": "reader"})
    placed = await shelf.add_document(collection, TEXT, name="piers.txt")
    places = [TEXT.index(f"Pier {n}") for n in range(5)]
    headings = tuple(Heading(place, place + 6, 1) for place in places)
    parsed = ParsedDocument(text=TEXT, page_starts=(0, *places[1:]), headings=headings)
    await shelf.make_ready(placed, parsed)
    return placed


@pytest.fixture
async def api(database: TestDatabase, local_issuer: LocalIssuer) -> AsyncIterator[ASGIApp]:
    async with running_app(local_issuer, database, SystemClock(), chunks) as app:
        yield app


def path_of(document: Placed) -> str:
    return f"/api/v1/documents/{document.id}/chunks"


class TestChunks:
    async def test_are_slices_of_the_text_in_order_and_each_once(
        self, api: ASGIApp, local_issuer: LocalIssuer, document: Placed
    ) -> None:
        found: list[dict[str, object]] = []
        cursor: str | None = None
        pages = 0
        async with make_client(api, local_issuer, READERS) as client:
            while pages == 0 or cursor is not None:
                asked = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
                page = (await client.get(path_of(document), params=asked)).json()
                assert 1 <= len(page["items"]) <= 2
                found += page["items"]
                cursor, pages = page["next"], pages + 1
        assert pages > 2
        assert [one["ordinal"] for one in found] == list(range(len(found)))
        assert [one["id"] for one in found] == [f"{document.id}:1:{n}" for n in range(len(found))]
        seen = 0
        for one in found:
            start, end = int(str(one["start"])), int(str(one["end"]))
            assert one["text"] == TEXT[start:end]
            assert not TEXT[seen:start].strip()
            number = TEXT.count("Pier", 0, start + 4)
            assert (one["page"], one["headings"]) == (number, [f"Pier {number - 1}"])
            seen = max(seen, end)
        assert seen == len(TEXT)

    async def test_are_there_for_readers_alone(
        self, api: ASGIApp, local_issuer: LocalIssuer, document: Placed
    ) -> None:
        callers = [
            (READERS, 200),
            (CallerSpec("reader", groups=("/staff/night",)), 200),
            (CallerSpec("librarian"), 404),
            (CallerSpec("stranger"), 404),
            (CallerSpec("reader", groups=("/staff",), tenant="other"), 404),
            (CallerSpec("reader", groups=("/staff",), roles=()), 403),
            (CallerSpec("reader", groups=("/staff",), roles=("admin",)), 403),
            (None, 401),
        ]
        for caller, status in callers:
            async with make_client(api, local_issuer, caller) as client:
                answer = await client.get(path_of(document))
            assert answer.status_code == status, caller
            assert ("Boat1" in answer.text) is (status == 200), caller

    async def test_are_gone_with_the_document_and_closed_by_its_rule(
        self, shelf: Shelf, api: ASGIApp, local_issuer: LocalIssuer, document: Placed
    ) -> None:
        nobody = AccessRule(any_of=[])
        closed = await shelf.add_document(document.collection_id, "Closed.", rule=nobody)
        await shelf.delete(document)
        async with make_client(api, local_issuer, READERS) as client:
            for gone in (closed, document):
                answer = await client.get(path_of(gone))
                assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")

    async def test_of_wrong_words_are_refused(
        self, api: ASGIApp, local_issuer: LocalIssuer, document: Placed
    ) -> None:
        async with make_client(api, local_issuer, READERS) as client:
            for asked in ({"limit": "0"}, {"limit": "201"}, {"cursor": "zzz"}, {"cursor": ""}):
                answer = await client.get(path_of(document), params=asked)
                assert answer.status_code == 422, asked
                assert [fault["name"] for fault in answer.json()["errors"]] == [*asked]
            assert (await client.get("/api/v1/documents/none/chunks")).status_code == 422
