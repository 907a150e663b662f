"""Uploads that meet a deletion or a sweep on their way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx2
from sqlalchemy import text

from muniment.ingestion.abandoned import sweep_abandoned
from muniment.ingestion.repository import IngestionRepository
from muniment.library.repository.documents import identity_lock_key
from muniment.postgres.unit_of_work import Scope
from tests.library.arrange import (
    COLLECTIONS,
    Shelf,
    add,
    jobs_of,
    pending_in,
    send,
)
from tests.support.database import TestDatabase
from tests.support.waiting import wait_until_somebody_waits


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
