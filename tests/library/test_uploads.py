"""Uploads: what becomes of files that are taken."""

import asyncio

import httpx2
import pytest
from sqlalchemy import text

from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    Shelf,
    add,
    give,
    jobs_of,
    make_collection,
    name_of,
    send,
)
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase


class TestNewDocument:
    async def test_is_queued_and_described(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        response = await send(
            alice,
            collection,
            fields={"metadata": {"year": 2026, "tags": ["a"]}, "uri": "https://x/leave"},
        )
        assert response.status_code == 202
        [document] = response.json()["documents"]
        assert response.headers["Location"] == f"{DOCUMENTS}/{document['id']}"
        expected = {
            "name": "leave.txt",
            "uri": "https://x/leave",
            "media_type": "text/plain",
            "status": "queued",
            "progress": 0.0,
            "error": None,
            "version": 1,
            "ready_version": None,
            "access": None,
            "metadata": {"year": 2026, "tags": ["a"]},
            "bytes": 21,
            "collection_id": collection,
        }
        assert {key: document[key] for key in expected} == expected
        assert await jobs_of(database) == [("ingest_document", f"{document['id']}:1")]
        read = await alice.get(f"{DOCUMENTS}/{document['id']}")
        assert read.json() == document

    async def test_takes_several_files_in_order(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf
    ) -> None:
        path = f"{COLLECTIONS}/{collection}/documents"
        files = [("file", (name, b"words")) for name in ("b.txt", "a.md")]
        response = await alice.post(path, files=files)
        assert [one["name"] for one in response.json()["documents"]] == ["b.txt", "a.md"]
        assert response.headers["Location"] == path
        assert len(stored.new()) == 2

    async def test_takes_an_access_rule_after_the_file(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        rule = {"any_of": ["group:/eng"], "all": [{"attribute": "clearance", "gte": 3}]}
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwords\r\n'
            b'--x\r\nContent-Disposition: form-data; name="access"\r\n\r\n'
            b'{"any_of": ["group:/eng"], "all": [{"attribute": "clearance", "gte": 3}]}'
            b"\r\n--x--\r\n"
        )
        response = await alice.post(
            f"{COLLECTIONS}/{collection}/documents",
            content=body,
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert response.status_code == 202
        assert response.json()["documents"][0]["access"] == rule

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("../../etc/passwd.txt", "passwd.txt"),
            ("C:\\secret\\plan.txt", "plan.txt"),
            ("/abs/ümläut 文.txt", "ümläut 文.txt"),
            ("CON.txt", "CON.txt"),
        ],
    )
    async def test_keeps_the_last_part_of_a_name(
        self, alice: httpx2.AsyncClient, collection: str, given: str, kept: str
    ) -> None:
        response = await send(alice, collection, given)
        assert response.json()["documents"][0]["name"] == kept


class TestSameDocument:
    async def test_same_bytes_are_no_work(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        first = (await send(alice, collection)).json()["documents"][0]
        second = (await send(alice, collection)).json()["documents"][0]
        assert second == first
        kinds = [kind for kind, _ in await jobs_of(database)]
        assert kinds == ["ingest_document", "purge_original"]

    async def test_same_bytes_of_a_failed_document_are_another_try(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        document = await add(alice, collection)
        async with database.owner.begin() as connection:
            await connection.execute(text("update document set status = 'failed'"))
        [again] = (await send(alice, collection)).json()["documents"]
        assert (again["id"], again["status"], again["version"]) == (document, "queued", 2)
        assert (await jobs_of(database))[-1] == ("ingest_document", f"{document}:2")

    async def test_changed_bytes_are_a_new_version(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        document = await add(alice, collection)
        [second] = (await send(alice, collection, content=b"Other.")).json()["documents"]
        assert (second["id"], second["version"], second["bytes"]) == (document, 2, 6)
        assert (await jobs_of(database))[-1] == ("ingest_document", f"{document}:2")
        versions = (await alice.get(f"{DOCUMENTS}/{document}/versions")).json()["items"]
        assert [version["number"] for version in versions] == [2, 1]

    async def test_changed_bytes_make_older_entity_tags_stale(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        document = await add(alice, collection)
        path = f"{DOCUMENTS}/{document}"
        stale = {"If-Match": (await alice.get(path)).headers["ETag"]}

        await send(alice, collection, content=b"Other.", fields={"metadata": {"year": 2026}})

        changed = await alice.patch(path, json={"metadata": {"a": 1}}, headers=stale)
        assert changed.status_code == 412

    async def test_what_was_said_anew_is_taken_over_without_work(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        document = await add(alice, collection, fields={"metadata": {"year": 2025}})
        fields = {"metadata": {"year": 2026}, "access": {"any_of": ["everyone"]}}
        [second] = (await send(alice, collection, fields=fields)).json()["documents"]
        assert (second["id"], second["version"]) == (document, 1)
        assert (second["metadata"], second["access"]) == ({"year": 2026}, {"any_of": ["everyone"]})
        [third] = (await send(alice, collection)).json()["documents"]
        assert third["metadata"] == {"year": 2026}

    async def test_a_uri_is_another_identity_than_a_name(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        named = await add(alice, collection)
        addressed = await add(alice, collection, fields={"uri": "https://x/a"})
        moved = await add(alice, collection, "new-name.txt", fields={"uri": "https://x/a"})
        assert named != addressed == moved

    async def test_is_looked_for_in_its_collection_alone(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        other = await make_collection(alice, "Other")
        assert await add(alice, collection) != await add(alice, other)

    async def test_is_looked_for_among_what_one_may_edit(
        self, alice: httpx2.AsyncClient, collection: str, client_of: ClientMaker
    ) -> None:
        hidden = await add(alice, collection, fields={"access": {"any_of": ["role:auditor"]}})
        bob = client_of("bob")
        await give(alice, collection, await name_of(bob), "editor")
        assert await add(bob, collection) != hidden

    async def test_two_uploads_at_once_make_one_document(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        responses = await asyncio.gather(*(send(alice, collection) for _ in range(3)))
        found = {response.json()["documents"][0]["id"] for response in responses}
        assert len(found) == 1


class TestIdempotencyKey:
    async def test_gives_the_first_answer_again(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf
    ) -> None:
        headers = {"Idempotency-Key": "k1"}
        first = await send(alice, collection, headers=headers)
        again = await send(alice, collection, headers=headers)
        assert again.status_code == 202
        assert again.json() == first.json()
        assert len(stored.new()) == 1

    async def test_refuses_another_file_and_keeps_nothing_of_it(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf
    ) -> None:
        headers = {"Idempotency-Key": "k2"}
        await send(alice, collection, headers=headers)
        other = await send(alice, collection, content=b"Other.", headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert len(stored.new()) == 1
