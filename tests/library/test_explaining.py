"""Who may ask why somebody reads a document, and what each of them is told."""

from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from tests.library.arrange import DOCUMENTS, add, give, make_collection, restrict
from tests.support.app import ClientMaker
from tests.support.callers import AUDITOR
from tests.support.database import TestDatabase

RULE = {"any_of": ["group:/hr"], "all": [{"attribute": "clearance", "gte": 3}]}


@pytest.fixture
async def plan(alice: httpx2.AsyncClient, collection: str) -> str:
    """A document of hers, for those in /hr with clearance 3."""
    await give(alice, collection, "group:/eng", "reader")
    document = await add(alice, collection, "secret-plan.txt", b"The plan.")
    assert (await restrict(alice, document, RULE)).is_success
    return document


@pytest.fixture
def auditor(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("audrey", roles=AUDITOR)


async def ask(client: httpx2.AsyncClient, document: str, user: str, query: str = "") -> object:
    answer = await client.get(
        f"{DOCUMENTS}/{document}/access/explanation?user={user}{query and '&' + query}"
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def verdict(client: httpx2.AsyncClient, document: str, user: str, query: str = "") -> object:
    explained = await ask(client, document, user, query)
    assert isinstance(explained, dict)
    return explained["may_read"]


DAN = f"{ISSUER}|dan"


class TestVerdict:
    @pytest.mark.parametrize(
        ("token", "expected"),
        [
            ("group=/eng&group=/hr/pay&attribute=clearance=3", True),
            ("group=/eng&group=/hr&attribute=clearance=2", False),
            ("group=/hr&attribute=clearance=3", False),
            ("group=/eng&attribute=clearance=3", False),
            ("", None),
        ],
    )
    async def test_is_for_the_token_that_is_supposed(
        self, alice: httpx2.AsyncClient, plan: str, token: str, *, expected: bool | None
    ) -> None:
        assert await verdict(alice, plan, DAN, token) is expected

    async def test_on_oneself_is_for_the_token_of_the_request(
        self, alice: httpx2.AsyncClient, plan: str
    ) -> None:
        me = (await alice.get("/api/v1/users/me")).json()["id"]
        explained = await ask(alice, plan, me)
        assert isinstance(explained, dict)
        assert (explained["may_read"], explained["claims"]) == (True, "token")

    async def test_is_no_for_who_is_disabled(
        self, auditor: httpx2.AsyncClient, plan: str, database: TestDatabase, client_of: ClientMaker
    ) -> None:
        assert (await client_of("dan").get("/api/v1/users/me")).is_success
        async with database.owner.begin() as owner:
            await owner.execute(text("update account set status = 'disabled' where subject='dan'"))
        token = "group=/eng&group=/hr&attribute=clearance=3"
        explained = await ask(auditor, plan, DAN, token)
        assert isinstance(explained, dict)
        assert (explained["may_read"], explained["status"]) == (False, "disabled")
        assert explained["reasons"][0] == {
            "part": "account",
            "holds": False,
            "detail": "disabled: every request is refused",
        }

    async def test_names_each_grant_that_means_the_user(
        self, alice: httpx2.AsyncClient, collection: str, plan: str
    ) -> None:
        await give(alice, collection, "everyone", "editor")
        explained = await ask(alice, plan, DAN, "group=/eng/search")
        assert isinstance(explained, dict)
        assert [each["detail"] for each in explained["reasons"] if each["part"] == "grant"] == [
            "as everyone, which is editor",
            "as group:/eng, which is reader",
        ]


class TestAuditor:
    async def test_is_told_who_may_read_and_nothing_that_it_says(
        self, auditor: httpx2.AsyncClient, plan: str
    ) -> None:
        path = f"{DOCUMENTS}/{plan}/access/explanation?user={DAN}"
        answer = await auditor.get(path)
        assert answer.status_code == 200
        assert "plan.txt" not in answer.text
        assert (await auditor.get(f"{DOCUMENTS}/{plan}")).status_code == 403

    async def test_is_told_of_a_deletion_that_others_cannot_know_of(
        self, auditor: httpx2.AsyncClient, alice: httpx2.AsyncClient, plan: str
    ) -> None:
        path = f"{DOCUMENTS}/{plan}"
        assert (await alice.delete(path, headers={"If-Match": "*"})).status_code == 204
        explained = await ask(auditor, plan, DAN, "group=/eng&group=/hr&attribute=clearance=3")
        assert isinstance(explained, dict)
        assert explained["may_read"] is False
        assert {"part": "not deleted", "holds": False, "detail": "deleted"} in explained["reasons"]
        assert (await alice.get(f"{path}/access/explanation?user={DAN}")).status_code == 404

    async def test_of_another_tenant_finds_no_document(
        self, client_of: ClientMaker, plan: str
    ) -> None:
        foreign = client_of("audrey", roles=AUDITOR, tenant="other")
        answer = await foreign.get(f"{DOCUMENTS}/{plan}/access/explanation?user={DAN}")
        assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")


class TestOwner:
    async def test_is_told_nothing_of_an_account(
        self, alice: httpx2.AsyncClient, plan: str, client_of: ClientMaker
    ) -> None:
        dan = (await client_of("dan").get("/api/v1/users/me")).json()["id"]
        named, by_id = await ask(alice, plan, DAN), await ask(alice, plan, dan)
        assert isinstance(named, dict)
        assert isinstance(by_id, dict)
        known = ("user_id", "issuer", "subject", "status")
        assert [named[name] for name in known] == [None, ISSUER, "dan", None]
        assert [by_id[name] for name in known] == [dan, None, None, None]
        assert "account" not in {reason["part"] for reason in named["reasons"]}


class TestRefusals:
    async def test_are_for_editors_who_may_not_see_the_grants(
        self, alice: httpx2.AsyncClient, collection: str, plan: str, client_of: ClientMaker
    ) -> None:
        editor = client_of("edith", groups=["/hr"], attributes={"clearance": 3})
        await give(alice, collection, "group:/hr", "editor")
        answer = await editor.get(f"{DOCUMENTS}/{plan}/access/explanation?user={DAN}")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_an_owner")

    async def test_are_for_readers_and_strangers(self, client_of: ClientMaker, plan: str) -> None:
        reader = client_of("ron", groups=["/eng", "/hr"], attributes={"clearance": 3})
        path = f"{DOCUMENTS}/{plan}/access/explanation?user={DAN}"
        assert (await reader.get(path)).status_code == 403
        assert (await client_of("stan").get(path)).status_code == 404
        assert (await client_of("nora", roles=()).get(path)).status_code == 403

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("user=nobody", "user"),
            (f"user={UUID(int=5)}", "user"),
            ("user=not%20an%20issuer|x", "user"),
            (f"user={DAN}&group=eng", "group"),
            (f"user={DAN}&role=%20", "role"),
            (f"user={DAN}&attribute=size=1", "attribute"),
            (f"user={DAN}&attribute=clearance=high", "attribute"),
        ],
    )
    async def test_are_for_what_nobody_can_be(
        self, alice: httpx2.AsyncClient, plan: str, query: str, name: str
    ) -> None:
        answer = await alice.get(f"{DOCUMENTS}/{plan}/access/explanation?{query}")
        assert answer.status_code == 422
        assert [(each["in"], each["name"]) for each in answer.json()["errors"]] == [("query", name)]


async def test_a_collection_of_somebody_else_tells_its_editor_nothing(
    client_of: ClientMaker, plan: str
) -> None:
    bob = client_of("bob")
    await make_collection(bob)
    answer = await bob.get(f"{DOCUMENTS}/{plan}/access/explanation?user={DAN}")
    assert answer.status_code == 404
