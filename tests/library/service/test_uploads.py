"""Uploads with a key of idempotency: what failed may be tried again under the same key."""

import httpx2
import pytest

from tests.library.arrange import (
    DOCUMENTS,
    Shelf,
    add,
    give,
    make_collection,
    name_of,
    send,
)
from tests.support.app import ClientMaker

KEY = {"Idempotency-Key": "upload-1"}


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice")


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    return await make_collection(alice)


class TestKey:
    async def test_is_free_again_after_an_upload_that_was_refused(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        client_of: ClientMaker,
        stored: Shelf,
    ) -> None:
        bob = client_of("bob")
        await give(alice, collection, await name_of(bob), "editor")
        await add(alice, collection)
        before = stored.new()
        locked = {"access": {"any_of": ["role:auditor"]}}
        refused = await send(bob, collection, headers=KEY, fields=locked)
        assert (refused.status_code, refused.json()["code"]) == (409, "access_locks_you_out")
        assert stored.new() == before
        again = await send(bob, collection, content=b"Other.", headers=KEY)
        assert again.status_code == 202
        assert again.json()["documents"][0]["version"] == 2

    async def test_means_nothing_to_another_user(
        self, alice: httpx2.AsyncClient, collection: str, client_of: ClientMaker
    ) -> None:
        bob = client_of("bob")
        await give(alice, collection, await name_of(bob), "editor")
        first = await send(alice, collection, "a.txt", headers=KEY)
        second = await send(bob, collection, "b.txt", headers=KEY)
        assert (first.status_code, second.status_code) == (202, 202)
        names = [answer.json()["documents"][0]["name"] for answer in (first, second)]
        assert names == ["a.txt", "b.txt"]

    async def test_of_another_collection_is_another_upload(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        other = await make_collection(alice, "Other")
        assert (await send(alice, collection, headers=KEY)).status_code == 202
        reused = await send(alice, other, headers=KEY)
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")

    @pytest.mark.parametrize("key", ["", "x" * 300, "two words"])
    async def test_that_is_none_is_refused(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf, key: str
    ) -> None:
        answer = await send(alice, collection, headers={"Idempotency-Key": key})
        assert answer.status_code == 422
        assert [fault["name"].lower() for fault in answer.json()["errors"]] == ["idempotency-key"]
        assert stored.new() == frozenset()


class TestLargeFile:
    async def test_comes_back_byte_for_byte(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        content = b"".join(b"line %d\n" % number for number in range(20_000))[:200_000]
        document = await add(alice, collection, content=content)
        answer = await alice.get(f"{DOCUMENTS}/{document}/content")
        assert answer.content == content
        assert answer.headers["Content-Length"] == str(len(content))
