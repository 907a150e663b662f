"""Grants: who gets into a collection, by whichever name they are known."""

import asyncio

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from tests.library.arrange import COLLECTIONS, DOCUMENTS, add, give, make_collection, name_of
from tests.support.app import ClientMaker
from tests.support.callers import ADMIN
from tests.support.database import TestDatabase

CAROL = f"user:{ISSUER}|carol"


async def grants_of(client: httpx2.AsyncClient, collection: str) -> dict[str, str]:
    page = (await client.get(f"{COLLECTIONS}/{collection}/grants")).json()
    return {grant["principal"]: grant["role"] for grant in page["items"]}


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice")


@pytest.fixture
def bob(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("bob", groups=["/eng/search"])


class TestGrants:
    async def test_are_made_changed_and_taken_away(self, alice: httpx2.AsyncClient) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}/grants"
        for role, status in (("reader", 201), ("editor", 200), ("editor", 200)):
            body = {"principal": "group:/eng", "role": role}
            response = await alice.post(path, json=body)
            assert (response.status_code, response.json()["role"]) == (status, role)
        for status in (204, 404):
            taken = await alice.delete(path, params={"principal": "group:/eng"})
            assert taken.status_code == status

    async def test_open_and_close_the_documents_at_once(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient
    ) -> None:
        collection = await make_collection(alice)
        path = f"{DOCUMENTS}/{await add(alice, collection)}"
        assert (await bob.get(path)).status_code == 404
        await give(alice, collection, "group:/eng", "reader")
        assert (await bob.get(path)).status_code == 200
        await alice.delete(f"{COLLECTIONS}/{collection}/grants", params={"principal": "group:/eng"})
        assert (await bob.get(path)).status_code == 404

    @pytest.mark.parametrize("principal", ["alice", "group:eng", "user:", "role:", "x" * 600])
    async def test_need_a_principal(self, alice: httpx2.AsyncClient, principal: str) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}/grants"
        made = await alice.post(path, json={"principal": principal, "role": "reader"})
        taken = await alice.delete(path, params={"principal": principal})
        assert (made.status_code, taken.status_code) == (422, 422)

    async def test_keep_the_last_owner(self, alice: httpx2.AsyncClient) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}/grants"
        me = await name_of(alice)
        demoted = await alice.post(path, json={"principal": me, "role": "reader"})
        removed = await alice.delete(path, params={"principal": me})
        assert [demoted.json()["code"], removed.json()["code"]] == ["last_owner", "last_owner"]
        assert demoted.status_code == removed.status_code == 409

    async def test_keep_one_of_two_owners_who_remove_each_other_at_once(
        self, alice: httpx2.AsyncClient, bob: httpx2.AsyncClient
    ) -> None:
        collection = await make_collection(alice)
        names = [await name_of(alice), await name_of(bob)]
        await give(alice, collection, names[1], "owner")
        path = f"{COLLECTIONS}/{collection}/grants"
        answers = await asyncio.gather(
            alice.delete(path, params={"principal": names[1]}),
            bob.delete(path, params={"principal": names[0]}),
        )
        first, second = sorted(answer.status_code for answer in answers)
        assert first == 204
        assert second in {403, 404, 409}


class TestGrantsOfOnePerson:
    @pytest.mark.parametrize("spelling", ["id", "subject"])
    async def test_are_one_grant_by_either_name(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker, spelling: str
    ) -> None:
        carol = client_of("carol")
        names = {"id": await name_of(carol), "subject": CAROL}
        collection = await make_collection(alice)
        path = f"{COLLECTIONS}/{collection}"
        for name, role, status in ((CAROL, "reader", 201), (names["id"], "editor", 200)):
            body = {"principal": name, "role": role}
            given = await alice.post(f"{path}/grants", json=body)
            assert (given.status_code, given.json()["principal"]) == (status, names["id"])
        assert await grants_of(alice, collection) == {
            await name_of(alice): "owner",
            names["id"]: "editor",
        }
        assert (await carol.get(path)).json()["role"] == "editor"
        taken = await alice.delete(f"{path}/grants", params={"principal": names[spelling]})
        assert taken.status_code == 204
        assert (await carol.get(path)).status_code == 404

    @pytest.mark.parametrize("spelling", ["id", "subject"])
    async def test_given_before_the_first_sign_in_is_there_at_it_and_goes_by_either_name(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker, spelling: str
    ) -> None:
        collection = await make_collection(alice)
        path = f"{COLLECTIONS}/{collection}"
        await give(alice, collection, CAROL, "editor")
        assert (await grants_of(alice, collection))[CAROL] == "editor"
        carol = client_of("carol")
        names = {"id": await name_of(carol), "subject": CAROL}
        assert (await carol.get(path)).json()["role"] == "editor"
        taken = await alice.delete(f"{path}/grants", params={"principal": names[spelling]})
        assert taken.status_code == 204
        assert (await carol.get(path)).status_code == 404

    async def test_given_before_the_first_sign_in_is_replaced_by_one_after_it(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        collection = await make_collection(alice)
        await give(alice, collection, CAROL, "editor")
        path = f"{COLLECTIONS}/{collection}/grants"
        [first] = [one for one in (await alice.get(path)).json()["items"] if one["role"] != "owner"]
        carol = await name_of(client_of("carol"))
        again = await alice.post(path, json={"principal": CAROL, "role": "reader"})
        assert again.status_code == 200
        assert again.json() == {**first, "principal": carol, "role": "reader"}
        assert await grants_of(alice, collection) == {
            await name_of(alice): "owner",
            carol: "reader",
        }

    async def test_is_no_other_owner_beside_themselves(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        collection = await make_collection(alice)
        await give(alice, collection, CAROL, "owner")
        path = f"{COLLECTIONS}/{collection}/grants"
        carol = client_of("carol")
        await alice.delete(path, params={"principal": await name_of(alice)})
        for name in (CAROL, await name_of(carol)):
            removed = await carol.delete(path, params={"principal": name})
            demoted = await carol.post(path, json={"principal": name, "role": "reader"})
            assert [removed.json()["code"], demoted.json()["code"]] == ["last_owner"] * 2

    async def test_are_none_of_the_same_subject_in_another_tenant(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        await name_of(client_of("carol", tenant="other"))
        collection = await make_collection(alice)
        await give(alice, collection, CAROL, "reader")
        assert (await grants_of(alice, collection))[CAROL] == "reader"

    async def test_go_with_the_erased_and_do_not_come_back_with_a_new_account(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        collection = await make_collection(alice)
        await give(alice, collection, CAROL, "reader")
        carol = await name_of(client_of("carol"))
        root = client_of("root", roles=ADMIN)
        path = f"/api/v1/users/{carol.removeprefix('user:')}"
        await root.delete(path, headers={"If-Match": "*"})
        assert list(await grants_of(alice, collection)) == [await name_of(alice)]


class TestGrantsToNobody:
    @pytest.mark.parametrize(
        ("principal", "code", "told"),
        [
            ("role:reviewer", "unknown_role", "admin, auditor, member"),
            ("role:Admin", "unknown_role", "admin, auditor, member"),
            ("user:https://sso.example.com|bob", "unknown_issuer", ISSUER),
            (f"user:{ISSUER}/|bob", "unknown_issuer", ISSUER),
            ("user:0198c0de-0000-7000-8000-000000000000", "unknown_user", "no user with this id"),
        ],
    )
    async def test_are_refused_with_the_reason(
        self, alice: httpx2.AsyncClient, principal: str, code: str, told: str
    ) -> None:
        collection = await make_collection(alice)
        path = f"{COLLECTIONS}/{collection}/grants"
        refused = await alice.post(path, json={"principal": principal, "role": "reader"})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
        [fault] = refused.json()["errors"]
        assert (fault["in"], fault["pointer"], fault["code"]) == ("body", "/principal", code)
        assert told in fault["detail"]
        assert list(await grants_of(alice, collection)) == [await name_of(alice)]

    async def test_do_not_tell_users_of_other_tenants_from_those_of_none(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}/grants"
        answers = []
        for name in (
            await name_of(client_of("bob", tenant="other")),
            "user:0198c0de-0000-7000-8000-000000000000",
        ):
            refused = await alice.post(path, json={"principal": name, "role": "reader"})
            answers.append({**refused.json(), "request_id": None, "instance": None})
        assert answers[0] == answers[1]
        assert answers[0]["code"] == "unknown_user"

    async def test_are_refused_for_the_erased(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        carol, root = await name_of(client_of("carol")), client_of("root", roles=ADMIN)
        path = f"/api/v1/users/{carol.removeprefix('user:')}"
        await root.delete(path, headers={"If-Match": "*"})
        path = f"{COLLECTIONS}/{await make_collection(alice)}/grants"
        refused = await alice.post(path, json={"principal": carol, "role": "reader"})
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_user")

    async def test_that_are_there_can_be_taken_away(
        self, alice: httpx2.AsyncClient, database: TestDatabase
    ) -> None:
        collection = await make_collection(alice)
        async with database.owner.begin() as owner:
            # As if the settings had had the role and the issuer before.
            for principal in ("role:gone", "user:https://gone.example.com|bob"):
                await owner.execute(
                    text(
                        "insert into collection_grant (collection_id, tenant_id, principal, role)"
                        " select id, tenant_id, :principal, 'reader' from collection"
                    ),
                    {"principal": principal},
                )
        for principal in ("role:gone", "user:https://gone.example.com|bob"):
            taken = await alice.delete(
                f"{COLLECTIONS}/{collection}/grants", params={"principal": principal}
            )
            assert taken.status_code == 204
