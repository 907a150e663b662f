"""Collections and grants."""

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    add,
    add_bare_documents,
    give,
    jobs_of,
    make_collection,
    name_of,
)
from tests.support.app import ClientMaker
from tests.support.callers import ADMIN
from tests.support.database import TestDatabase
from tests.support.statements import counted_statements


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice")


@pytest.fixture
def bob(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("bob", groups=["/eng/search"])


class TestCreate:
    async def test_makes_the_maker_its_owner(self, alice: httpx2.AsyncClient) -> None:
        body = {"name": " Handbook ", "description": "All of it", "language": "en"}
        response = await alice.post(COLLECTIONS, json=body)
        made = response.json()
        assert response.status_code == 201
        assert (made["name"], made["description"], made["language"]) == (
            "Handbook",
            "All of it",
            "en",
        )
        assert made["role"] == "owner"
        assert response.headers["Location"] == f"{COLLECTIONS}/{made['id']}"
        read = await alice.get(response.headers["Location"])
        assert read.json() == made
        assert read.headers["ETag"] == response.headers["ETag"]
        grants = (await alice.get(f"{COLLECTIONS}/{made['id']}/grants")).json()["items"]
        assert [(grant["principal"], grant["role"]) for grant in grants] == [
            (await name_of(alice), "owner")
        ]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": " "},
            {"name": "x" * 201},
            {"name": "nul\0"},
            {"name": "two\nlines"},
            {"name": "x", "language": "english"},
            {"name": "x", "language": "xx"},
            {"name": "x", "tenant_id": 2},
        ],
    )
    async def test_refuses_what_does_not_fit(
        self, alice: httpx2.AsyncClient, body: dict[str, object]
    ) -> None:
        response = await alice.post(COLLECTIONS, json=body)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_input")

    async def test_names_the_codes_to_who_writes_a_language_out(
        self, alice: httpx2.AsyncClient
    ) -> None:
        response = await alice.post(COLLECTIONS, json={"name": "x", "language": "klingon"})
        [fault] = response.json()["errors"]
        assert fault["pointer"] == "/language"
        assert fault["detail"] == "write the language as a code of ISO 639-1, such as en"

    async def test_makes_one_for_each_idempotency_key(self, alice: httpx2.AsyncClient) -> None:
        headers = {"Idempotency-Key": "make-1"}
        answers = [
            await alice.post(COLLECTIONS, json={"name": "Once"}, headers=headers) for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json()
        assert len((await alice.get(COLLECTIONS)).json()["items"]) == 1


class TestList:
    async def test_shows_those_with_a_grant_to_any_name_and_the_strongest_role(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient
    ) -> None:
        shared = await make_collection(alice, "Shared")
        await make_collection(alice, "Private")
        await give(alice, shared, "group:/eng", "editor")
        await give(alice, shared, "everyone", "reader")
        found = (await bob.get(COLLECTIONS)).json()["items"]
        assert [(one["name"], one["role"]) for one in found] == [("Shared", "editor")]

    async def test_shows_admins_all_of_the_tenant(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        await make_collection(alice)
        root = client_of("root", roles=ADMIN)
        foreign = client_of("root", roles=ADMIN, tenant="other")
        found = (await root.get(COLLECTIONS)).json()["items"]
        assert [(one["name"], one["role"]) for one in found] == [("Handbook", None)]
        assert (await foreign.get(COLLECTIONS)).json()["items"] == []

    async def test_comes_in_pages(self, alice: httpx2.AsyncClient) -> None:
        names = [f"c{number}" for number in range(3)]
        for name in names:
            await make_collection(alice, name)
        first = (await alice.get(COLLECTIONS, params={"limit": 2})).json()
        second = (await alice.get(COLLECTIONS, params={"limit": 2, "cursor": first["next"]})).json()
        assert [one["name"] for one in first["items"] + second["items"]] == names
        assert second["next"] is None


class TestQueryCount:
    async def test_of_lists_does_not_grow_with_the_rows(
        self, alice: httpx2.AsyncClient, database: TestDatabase
    ) -> None:
        collection = await make_collection(alice)
        await add_bare_documents(database, collection, 1)
        paths = [
            COLLECTIONS,
            f"{COLLECTIONS}/{collection}/grants",
            f"{COLLECTIONS}/{collection}/documents",
        ]
        with counted_statements() as few:
            for path in paths:
                assert len((await alice.get(path)).json()["items"]) == 1
        for number in range(12):
            await make_collection(alice, f"c{number}")
            await give(alice, collection, f"group:/g{number}", "reader")
        await add_bare_documents(database, collection, 49)
        with counted_statements() as many:
            for path in paths:
                assert len((await alice.get(path)).json()["items"]) > 10
        assert len(many) == len(few)


class TestChange:
    async def test_changes_what_is_there_and_the_tag(self, alice: httpx2.AsyncClient) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}"
        before = await alice.get(path)
        headers = {"If-Match": before.headers["ETag"]}
        after = await alice.patch(path, json={"description": "New"}, headers=headers)
        assert after.status_code == 200
        assert (after.json()["name"], after.json()["description"]) == ("Handbook", "New")
        assert after.headers["ETag"] != before.headers["ETag"]
        lost = await alice.patch(path, json={"name": "Lost"}, headers=headers)
        assert (lost.status_code, lost.json()["code"]) == (412, "precondition_failed")

    @pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
    async def test_needs_if_match(self, alice: httpx2.AsyncClient, verb: str) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}"
        response = await alice.request(verb, path, json={"name": "New"})
        assert (response.status_code, response.json()["code"]) == (428, "precondition_required")

    async def test_does_not_take_the_name_away(self, alice: httpx2.AsyncClient) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}"
        response = await alice.patch(path, json={"name": None}, headers={"If-Match": "*"})
        assert response.status_code == 422


class TestDelete:
    async def test_takes_every_document_along_and_asks_for_their_purge(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient, database: TestDatabase
    ) -> None:
        collection = await make_collection(alice)
        await give(alice, collection, "group:/eng", "editor")
        rule = {"any_of": [f"user:{ISSUER}|nobody"]}
        mine = await add(alice, collection, "a.txt")
        theirs = await add(bob, collection, "b.txt", fields={"access": rule})
        path = f"{COLLECTIONS}/{collection}"
        deleted = await alice.delete(path, headers={"If-Match": "*"})
        assert deleted.status_code == 204
        assert (await alice.get(path)).status_code == 404
        assert (await bob.get(f"{DOCUMENTS}/{theirs}")).status_code == 404
        purges = {key for kind, key in await jobs_of(database) if kind == "purge_document"}
        assert purges == {mine, theirs}

    async def test_leaves_no_row_of_an_empty_one(
        self, alice: httpx2.AsyncClient, database: TestDatabase
    ) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}"
        await alice.delete(path, headers={"If-Match": "*"})
        async with database.owner.connect() as owner:
            assert (await owner.execute(text("select count(*) from collection"))).scalar() == 0
