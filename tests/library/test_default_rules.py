"""The rule of a collection for documents that come without one."""

import httpx2
import pytest
from sqlalchemy import text

from muniment.audit.acts import Action
from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    add,
    give,
    make_collection,
    name_of,
    restrict,
)
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase

SECRET = {"all": [{"attribute": "clearance", "gte": 3}]}
STAFF = {"any_of": ["group:/staff"]}


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice")


@pytest.fixture
def edith(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("edith")


@pytest.fixture
def rene(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("rene", attributes={"clearance": 2})


@pytest.fixture
async def collection(
    alice: httpx2.AsyncClient, edith: httpx2.AsyncClient, rene: httpx2.AsyncClient
) -> str:
    """A collection with a reader and an editor, whose documents are secret by default."""
    made = await make_collection(alice)
    await give(alice, made, await name_of(edith), "editor")
    await give(alice, made, await name_of(rene), "reader")
    assert (await set_default(alice, made, SECRET)).status_code == 200
    return made


async def set_default(client: httpx2.AsyncClient, collection: str, rule: object) -> httpx2.Response:
    return await client.patch(
        f"{COLLECTIONS}/{collection}", json={"default_access": rule}, headers={"If-Match": "*"}
    )


async def sees(client: httpx2.AsyncClient, document: str) -> bool:
    return (await client.get(f"{DOCUMENTS}/{document}")).status_code == 200


async def rule_of(client: httpx2.AsyncClient, document: str) -> object:
    return (await client.get(f"{DOCUMENTS}/{document}")).json()["access"]


class TestDefaultRule:
    async def test_is_given_to_documents_without_one(
        self, alice: httpx2.AsyncClient, rene: httpx2.AsyncClient, collection: str
    ) -> None:
        document = await add(alice, collection, "a.txt", b"Words.")
        assert await rule_of(alice, document) == SECRET
        assert not await sees(rene, document)

    async def test_gives_way_to_a_rule_of_the_upload(
        self, alice: httpx2.AsyncClient, rene: httpx2.AsyncClient, collection: str
    ) -> None:
        open_to_all = {"access": {"any_of": ["everyone"]}}
        document = await add(alice, collection, "a.txt", b"Words.", fields=open_to_all)
        assert await sees(rene, document)

    async def test_binds_what_editors_bring_and_not_its_bringer(
        self,
        alice: httpx2.AsyncClient,
        edith: httpx2.AsyncClient,
        rene: httpx2.AsyncClient,
        collection: str,
    ) -> None:
        document = await add(edith, collection, "a.txt", b"Words.")
        assert await sees(edith, document)
        assert await sees(alice, document)
        assert not await sees(rene, document)

    async def test_leaves_documents_that_are_there_as_they_are(
        self, alice: httpx2.AsyncClient, rene: httpx2.AsyncClient, collection: str
    ) -> None:
        secret = await add(alice, collection, "a.txt", b"Words.")
        assert (await set_default(alice, collection, None)).status_code == 200
        open_one = await add(alice, collection, "b.txt", b"Words.")
        assert not await sees(rene, secret)
        assert await sees(rene, open_one)
        assert (await set_default(alice, collection, STAFF)).status_code == 200
        # New bytes of a document that is there are no new document.
        assert await add(alice, collection, "b.txt", b"Other words.") == open_one
        assert await sees(rene, open_one)

    async def test_is_given_once_and_can_be_taken_from_a_document(
        self, alice: httpx2.AsyncClient, rene: httpx2.AsyncClient, collection: str
    ) -> None:
        document = await add(alice, collection, "a.txt", b"Words.")
        assert (await restrict(alice, document, None)).status_code == 200
        await add(alice, collection, "a.txt", b"Other words.")
        assert await sees(rene, document)

    async def test_can_be_there_from_the_beginning(self, alice: httpx2.AsyncClient) -> None:
        body = {"name": "Secrets", "default_access": SECRET}
        made = (await alice.post(COLLECTIONS, json=body)).raise_for_status().json()
        assert made["default_access"] == SECRET
        document = await add(alice, made["id"], "a.txt", b"Words.")
        assert await rule_of(alice, document) == SECRET

    async def test_is_shown_to_editors_alone(
        self,
        alice: httpx2.AsyncClient,
        edith: httpx2.AsyncClient,
        rene: httpx2.AsyncClient,
        collection: str,
    ) -> None:
        path = f"{COLLECTIONS}/{collection}"
        for client in (alice, edith):
            assert (await client.get(path)).json()["default_access"] == SECRET
        assert "default_access" not in (await rene.get(path)).json()
        listed = (await rene.get(COLLECTIONS)).json()["items"]
        assert all("default_access" not in one for one in listed)

    async def test_is_for_owners_to_change(
        self, edith: httpx2.AsyncClient, collection: str
    ) -> None:
        assert (await set_default(edith, collection, None)).status_code == 403

    @pytest.mark.parametrize(
        ("rule", "code", "place"),
        [
            ({"all": [{"attribute": "shoe", "eq": 1}]}, "attribute_not_usable", "/all/0"),
            ({"any_of": ["role:sailor"]}, "unknown_role", "/any_of/0"),
            (
                {"any_of": ["user:01a206d8-2662-72a5-a5a8-dcddc16ae947"]},
                "unknown_user",
                "/any_of/0",
            ),
        ],
    )
    async def test_has_to_be_one_that_can_hold(
        self, alice: httpx2.AsyncClient, collection: str, rule: object, code: str, place: str
    ) -> None:
        new = await alice.post(COLLECTIONS, json={"name": "x", "default_access": rule})
        for response in (new, await set_default(alice, collection, rule)):
            assert (response.status_code, response.json()["code"]) == (422, code)
            assert response.json()["errors"][0]["pointer"] == f"/default_access{place}"

    async def test_is_written_down_when_it_changes(
        self, alice: httpx2.AsyncClient, database: TestDatabase, collection: str
    ) -> None:
        await set_default(alice, collection, SECRET)  # nothing new
        await set_default(alice, collection, None)
        async with database.owner.connect() as connection:
            found = await connection.execute(
                text("select details from audit_entry where action = :action order by id"),
                {"action": Action.DEFAULT_RULE_CHANGED.value},
            )
            said = [details["is_restricted"] for details in found.scalars()]
        assert said == [True, False]
