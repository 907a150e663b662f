"""Uploads: what is taken, what is refused, and that nothing is left of what was refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text
from starlette.types import ASGIApp, Message
from typing_extensions import override

from muniment.ingestion.abandoned import sweep_abandoned
from muniment.ingestion.repository import IngestionRepository
from muniment.library.repository.documents import identity_lock_key
from muniment.postgres.unit_of_work import Scope
from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    Shelf,
    add,
    give,
    jobs_of,
    make_collection,
    name_of,
    pending_in,
    send,
)
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase
from tests.support.waiting import wait_until_somebody_waits


class UnreadBody(httpx2.AsyncByteStream):
    @override
    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice", attributes={"department": "hr", "clearance": 3})


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    return await make_collection(alice)


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


class TestRefused:
    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"metadata": "{"}, 422, "invalid_upload_field"),
            ({"metadata": {"a": {"b": 1}}}, 422, "invalid_upload_field"),
            ({"metadata": {"a": "nul\0"}}, 422, "invalid_upload_field"),
            ({"metadata": '{"a": 1e999}'}, 422, "invalid_upload_field"),
            ({"metadata": {"a": 2**60}}, 422, "invalid_upload_field"),
            ({"access": {"anyof": []}}, 422, "invalid_upload_field"),
            ({"access": {"all": [{"attribute": "shoe", "eq": 1}]}}, 422, "attribute_not_usable"),
            ({"uri": "two words"}, 422, "invalid_upload_field"),
            ({"owner": "me"}, 422, "invalid_upload"),
            ({"metadata": "x" * 70_000}, 413, "upload_too_large"),
        ],
    )
    async def test_for_a_field(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        stored: Shelf,
        fields: dict[str, object],
        status: int,
        code: str,
    ) -> None:
        response = await send(alice, collection, fields=fields)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert stored.new() == frozenset()

    @pytest.mark.parametrize(
        ("name", "content", "status", "code"),
        [
            ("empty.txt", b"", 422, "empty_file"),
            ("big.txt", b"x" * 200_001, 413, "upload_too_large"),
            ("program.exe", b"MZ\0\0", 415, "unsupported_document"),
            ("fake.txt", b"PK\x03\x04....", 415, "unsupported_document"),
            ("x" * 252 + ".txt", b"words", 422, "invalid_upload"),
            ("..", b"words", 422, "invalid_upload"),
        ],
    )
    async def test_for_a_file(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        stored: Shelf,
        name: str,
        content: bytes,
        status: int,
        code: str,
    ) -> None:
        response = await send(alice, collection, name, content)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert stored.new() == frozenset()

    async def test_for_too_many_files(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf
    ) -> None:
        files = [("file", (f"{number}.txt", b"words")) for number in range(4)]
        response = await alice.post(f"{COLLECTIONS}/{collection}/documents", files=files)
        assert (response.status_code, response.json()["code"]) == (413, "upload_too_large")
        assert stored.new() == frozenset()

    async def test_for_two_files_of_one_name(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf
    ) -> None:
        files = [("file", (name, b"words")) for name in ("a/x.txt", "b/x.txt")]
        response = await alice.post(f"{COLLECTIONS}/{collection}/documents", files=files)
        assert response.json()["errors"][0]["code"] == "name_twice"
        assert stored.new() == frozenset()

    async def test_by_the_announced_length_before_a_byte_is_read(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        response = await alice.post(
            f"{COLLECTIONS}/{collection}/documents",
            content=UnreadBody(),
            headers={
                "Content-Type": "multipart/form-data; boundary=x",
                "Content-Length": "400001",
            },
        )
        assert (response.status_code, response.json()["code"]) == (413, "upload_too_large")

    @pytest.mark.parametrize(
        ("content_type", "body", "status"),
        [
            ("application/json", b"{}", 415),
            ("multipart/form-data", b"", 400),
            ("multipart/form-data; boundary=x", b"", 400),
            ("multipart/form-data; boundary=x", b"no form at all", 400),
            ("multipart/form-data; boundary=x", b"--x--\r\n", 422),
            ("multipart/form-data; boundary=x", b"--x\r\nX: y\r\n\r\nwords\r\n--x--\r\n", 400),
        ],
    )
    async def test_for_what_is_no_form(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        content_type: str,
        body: bytes,
        status: int,
    ) -> None:
        path = f"{COLLECTIONS}/{collection}/documents"
        response = await alice.post(path, content=body, headers={"Content-Type": content_type})
        assert response.status_code == status, response.text

    async def test_when_the_body_breaks_off(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf, database: TestDatabase
    ) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwor'
        response = await alice.post(
            f"{COLLECTIONS}/{collection}/documents",
            content=body,
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert (response.status_code, response.json()["code"]) == (400, "malformed_upload")
        assert stored.new() == frozenset()
        assert await jobs_of(database) == []

    async def test_when_the_client_goes_away(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        stored: Shelf,
        app: ASGIApp,
        database: TestDatabase,
    ) -> None:
        start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        coming: list[Message] = [
            {"type": "http.request", "body": start + b"w" * 5000, "more_body": True},
            {"type": "http.disconnect"},
        ]
        messages = iter(coming)
        statuses: list[int] = []

        async def receive() -> Message:
            return next(messages)

        async def note(message: Message) -> None:
            statuses.append(message.get("status", 0))

        headers = [
            (b"authorization", alice.headers["Authorization"].encode()),
            (b"content-type", b"multipart/form-data; boundary=x"),
        ]
        path = f"{COLLECTIONS}/{collection}/documents"
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }
        await app(scope, receive, note)
        assert statuses[0] == 400
        assert stored.new() == frozenset()
        assert await jobs_of(database) == []


class TestBodyStaysUnread:
    """The caller is known, and may add, before the first byte is taken."""

    @pytest.mark.parametrize(
        ("user", "roles", "status"),
        [
            (None, [], 401),
            ("alice", [], 403),
            ("mallory", ["member"], 404),
            ("bob", ["member"], 403),
        ],
    )
    async def test_of_who_may_not_add(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        client_of: ClientMaker,
        user: str | None,
        roles: list[str],
        status: int,
    ) -> None:
        await give(alice, collection, await name_of(client_of("bob")), "reader")

        response = await client_of(user, roles=roles).post(
            f"{COLLECTIONS}/{collection}/documents",
            content=UnreadBody(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert response.status_code == status


class TestDeletedMeanwhile:
    async def test_an_upload_in_flight_finds_the_collection_gone(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf, database: TestDatabase
    ) -> None:
        async def slow() -> AsyncIterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwor'
            deleted = await alice.delete(f"{COLLECTIONS}/{collection}", headers={"If-Match": "*"})
            assert deleted.status_code == 204
            yield b"ds\r\n--x--\r\n"

        response = await alice.post(
            f"{COLLECTIONS}/{collection}/documents",
            content=slow(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert response.status_code == 404
        assert stored.new() == frozenset()
        async with database.owner.connect() as owner:
            assert (await owner.execute(text("select count(*) from document"))).scalar_one() == 0


NOW = timedelta(0)
START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
NEXT = b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="b.txt"\r\n\r\n'
END = b"\r\n--x--\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


class TestPendingOriginals:
    """The rows that speak of bytes until a document does."""

    async def test_are_gone_with_the_answer(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        await add(alice, collection)
        await add(alice, collection)
        await send(alice, collection, content=b"Other.", headers={"Idempotency-Key": "k"})
        await send(alice, collection, content=b"Other.", headers={"Idempotency-Key": "k"})
        assert await pending_in(database) == 0

    async def test_are_gone_with_a_refusal(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        files = [("file", ("good.txt", b"words")), ("file", ("empty.txt", b""))]
        response = await alice.post(f"{COLLECTIONS}/{collection}/documents", files=files)
        assert response.status_code == 422
        assert await pending_in(database) == 0

    async def test_swept_from_an_upload_that_is_too_slow_make_it_fail(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf, database: TestDatabase
    ) -> None:
        async def slow() -> AsyncIterator[bytes]:
            yield START + b"w" * 10_000 + NEXT + b"w" * 10_000
            # The keys of two files, and three that wait for further ones.
            assert await sweep_abandoned(database.worker, NOW) == 5
            yield END

        path = f"{COLLECTIONS}/{collection}/documents"
        response = await alice.post(path, content=slow(), headers=FORM)
        assert (response.status_code, response.json()["code"]) == (409, "upload_overdue")
        assert stored.new() == frozenset()
        assert await pending_in(database) == 0
        assert {kind for kind, _ in await jobs_of(database)} == {"purge_original"}
        assert (await alice.get(path)).json()["items"] == []

    async def test_that_are_being_registered_are_passed_over_by_a_sweep(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        """The sweep comes after the row was taken, and before the document is committed."""
        async with database.owner.connect() as holder:
            await holder.execute(
                text("select pg_advisory_lock(:key)"), {"key": identity_lock(collection)}
            )
            sending = asyncio.create_task(send(alice, collection))
            await wait_until_somebody_waits(database)
            assert await sweep_abandoned(database.worker, NOW) == 0
            await holder.execute(text("select pg_advisory_unlock_all()"))
            assert (await sending).status_code == 202
        assert await sweep_abandoned(database.worker, NOW) == 0
        assert [kind for kind, _ in await jobs_of(database)] == ["ingest_document"]

    async def test_that_are_being_swept_are_waited_for_and_missed(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf, database: TestDatabase
    ) -> None:
        """The sweep has locked the row; the registration comes before it has committed."""
        sweeping = asyncio.Event()
        tenant_id = await tenant_of(database, collection)

        async def slow() -> AsyncIterator[bytes]:
            yield START + b"w" * 10_000
            await sweeping.wait()
            yield END

        path = f"{COLLECTIONS}/{collection}/documents"
        sending = asyncio.create_task(alice.post(path, content=slow(), headers=FORM))
        while await pending_in(database) == 0:
            await asyncio.sleep(0)
        async with database.worker.begin(Scope(tenant_id)) as session:
            assert len(await IngestionRepository(session).take_abandoned(tenant_id, NOW)) == 1
            sweeping.set()
            await wait_until_somebody_waits(database)
        response = await sending
        assert (response.status_code, response.json()["code"]) == (409, "upload_overdue")
        assert stored.new() == frozenset()


def identity_lock(collection: str) -> int:
    return identity_lock_key(UUID(collection), "name:leave.txt")


async def tenant_of(database: TestDatabase, collection: str) -> int:
    async with database.owner.connect() as owner:
        statement = text("select tenant_id from collection where id = :id")
        return int((await owner.execute(statement, {"id": UUID(collection)})).scalar_one())
