"""Limits of a tenant and room for what comes: a clear no, in time, and only where it is due."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from starlette.types import ASGIApp
from typing_extensions import override

from muniment.adapters.originals.filesystem import FilesystemOriginals
from muniment.identity.local_issuer import LocalIssuer
from muniment.library.settings import TenantLimits
from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    Shelf,
    UnreadBody,
    add,
    make_collection,
    mark_failed,
    pending_in,
    send,
)
from tests.library.conftest import UPLOADS, running_library
from tests.support.app import make_client
from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase

Connect = Callable[..., httpx2.AsyncClient]
ANYTHING = {"If-Match": "*"}
RECOUNT = """
select count(distinct d.id), coalesce(sum(v.bytes), 0)::int
from document d join document_version v on v.document_id = d.id where d.deleted_at is null
"""


class NearlyFull(FilesystemOriginals):
    """A store on a disk that has a little more space left than what has to stay free."""

    SPARE = 1000

    @override
    async def free_bytes(self) -> int | None:
        return int(UPLOADS.min_free_bytes) + self.SPARE


@pytest.fixture(scope="module")
async def app(
    local_issuer: LocalIssuer, migrated: TestDatabase, originals_folder: Path
) -> AsyncIterator[ASGIApp]:
    limits = TenantLimits.model_validate({"documents": 3, "bytes": 100, "waiting": 6})
    originals = NearlyFull(originals_folder)
    async with running_library(local_issuer, migrated, originals, limits) as asgi:
        yield asgi


@pytest.fixture
async def alice(
    app: ASGIApp, local_issuer: LocalIssuer, database: TestDatabase
) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(app, local_issuer, CallerSpec("alice")) as client:
        yield client


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    return await make_collection(alice)


async def counted(database: TestDatabase) -> list[tuple[int, int]]:
    """Give what is counted, which has to be what is there."""
    async with database.owner.connect() as owner:
        rows = await owner.execute(text("select documents, bytes::int from tenant_usage"))
        found = [(row.documents, row.bytes) for row in rows]
        there = (await owner.execute(text(RECOUNT))).one()
    assert found in ([tuple(there)], [] if tuple(there) == (0, 0) else [tuple(there)])
    return found


async def offer(client: httpx2.AsyncClient, collection: str, length: int = 500) -> httpx2.Response:
    """Announce an upload whose body must not be asked for."""
    return await client.post(
        f"{COLLECTIONS}/{collection}/documents",
        content=UnreadBody(),
        headers={
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(length),
        },
    )


class TestDocuments:
    async def test_beyond_the_limit_are_refused_and_leave_nothing(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        database: TestDatabase,
        stored: Shelf,
    ) -> None:
        for number in range(3):
            await add(alice, collection, f"{number}.txt", b"words")

        refused = await send(alice, collection, "more.txt", b"words")

        assert (refused.status_code, refused.json()["code"]) == (409, "tenant_full")
        assert "3 documents" in refused.json()["detail"]
        assert await counted(database) == [(3, 15)]
        assert await pending_in(database) == 0
        assert len(stored.new()) == 3

    async def test_at_the_same_time_cannot_share_the_last_place(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        for number in range(2):
            await add(alice, collection, f"{number}.txt", b"words")

        answers = await asyncio.gather(
            *(send(alice, collection, f"late-{number}.txt", b"words") for number in range(3))
        )

        assert sorted(answer.status_code for answer in answers) == [202, 409, 409]
        assert await counted(database) == [(3, 15)]

    async def test_make_room_when_they_are_deleted(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        first, *_ = [await add(alice, collection, f"{number}.txt", b"words") for number in range(3)]
        await alice.delete(f"{DOCUMENTS}/{first}", headers=ANYTHING)

        assert await counted(database) == [(2, 10)]
        await add(alice, collection, "more.txt", b"words")

    async def test_make_room_when_their_collection_is_deleted(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        for number in range(2):
            await add(alice, collection, f"{number}.txt", b"words")
        await add(alice, collection, "0.txt", b"other words")
        other = await make_collection(alice, "Other")
        await add(alice, other, "kept.txt", b"kept")

        await alice.delete(f"{COLLECTIONS}/{collection}", headers=ANYTHING)

        assert await counted(database) == [(1, 4)]

    async def test_of_another_tenant_do_not_count(
        self, app: ASGIApp, alice: httpx2.AsyncClient, collection: str, local_issuer: LocalIssuer
    ) -> None:
        for number in range(3):
            await add(alice, collection, f"{number}.txt", b"words")

        async with make_client(app, local_issuer, CallerSpec("bob", tenant="other")) as bob:
            await add(bob, await make_collection(bob), "first.txt", b"words")

    async def test_that_are_there_already_can_be_replaced_at_the_limit(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        for number in range(3):
            await add(alice, collection, f"{number}.txt", b"words")

        await add(alice, collection, "0.txt", b"other words")
        await add(alice, collection, "1.txt", b"words")

        assert await counted(database) == [(3, 26)]


class TestBytes:
    async def test_of_all_versions_count(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        await add(alice, collection, "a.txt", b"x" * 60)

        refused = await send(alice, collection, "a.txt", b"y" * 41)
        taken = await send(alice, collection, "a.txt", b"z" * 40)

        assert (refused.status_code, refused.json()["code"]) == (409, "tenant_full")
        assert "100 bytes" in refused.json()["detail"]
        assert taken.status_code == 202
        assert await counted(database) == [(1, 100)]

    async def test_of_another_try_at_a_file_count_like_a_version(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        document = await add(alice, collection, "a.txt", b"x" * 10)
        await mark_failed(database, document)

        await add(alice, collection, "a.txt", b"x" * 10)

        assert await counted(database) == [(1, 20)]

    async def test_are_refused_unread_when_none_fits(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        await add(alice, collection, "a.txt", b"x" * 100)

        refused = await offer(alice, collection)

        assert (refused.status_code, refused.json()["code"]) == (409, "tenant_full")


class TestQueue:
    async def test_that_is_full_refuses_the_body_and_says_when_to_come(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        for version in range(6):
            await add(alice, collection, "a.txt", b"v%d" % version)

        refused = await offer(alice, collection)

        assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
        assert int(refused.headers["Retry-After"]) > 0

    async def test_takes_more_when_some_are_done(
        self, alice: httpx2.AsyncClient, collection: str, database: TestDatabase
    ) -> None:
        for version in range(6):
            await add(alice, collection, "a.txt", b"v%d" % version)
        async with database.owner.begin() as owner:
            await owner.execute(text("delete from job where id = (select min(id) from job)"))

        await add(alice, collection, "a.txt", b"more")


class TestSpace:
    async def test_that_would_get_low_refuses_the_body_and_says_when_to_come(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        refused = await offer(alice, collection, length=NearlyFull.SPARE + 1)

        assert (refused.status_code, refused.json()["code"]) == (503, "storage_low")
        assert int(refused.headers["Retry-After"]) > 0

    async def test_that_suffices_is_used(self, alice: httpx2.AsyncClient, collection: str) -> None:
        await add(alice, collection, "a.txt", b"words")
