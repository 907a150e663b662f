import asyncio

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from tests.profiles.arrange import ME, USERS, add_user, disable, patch, path_of
from tests.support.app import ClientMaker
from tests.support.callers import ADMIN
from tests.support.database import TestDatabase
from tests.support.statements import counted_statements


@pytest.fixture
def admin(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("root", roles=ADMIN)


class TestReadMyProfile:
    @pytest.mark.principal(
        "alice",
        roles=["member", "auditor"],
        groups=["/eng/search"],
        attributes={"department": "hr", "clearance": 3},
        tenant="acme",
    )
    async def test_tells_what_account_and_token_say(self, client: httpx2.AsyncClient) -> None:
        profile = (await client.get(ME)).json()
        assert profile | {"id": "", "created_at": "", "updated_at": "", "permissions": []} == {
            "id": "",
            "issuer": "urn:muniment:local",
            "subject": "alice",
            "tenant": "acme",
            "status": "active",
            "display_name": None,
            "locale": None,
            "time_zone": None,
            "preferences": {},
            "roles": ["auditor", "member"],
            "groups": ["/eng/search"],
            "attributes": {"department": "hr", "clearance": 3},
            "permissions": [],
            "created_at": "",
            "updated_at": "",
        }
        assert "audit:read" in profile["permissions"]
        assert profile["permissions"] == sorted(profile["permissions"])

    @pytest.mark.principal("alice")
    async def test_makes_one_account_for_many_first_requests(
        self, client: httpx2.AsyncClient
    ) -> None:
        responses = await asyncio.gather(*(client.get(ME) for _ in range(8)))
        assert len({response.json()["id"] for response in responses}) == 1

    async def test_knows_the_same_subject_of_two_tenants_as_two_users(
        self, client_of: ClientMaker
    ) -> None:
        here, there = client_of("alice", tenant="a"), client_of("alice", tenant="b")
        assert await path_of(here) != await path_of(there)


class TestUpdateMyProfile:
    pytestmark = pytest.mark.principal("alice")

    async def test_changes_what_is_there_and_leaves_the_rest(
        self, client: httpx2.AsyncClient
    ) -> None:
        await patch(client, ME, {"display_name": "  Ada  ", "locale": "de-AT"})
        response = await patch(client, ME, {"time_zone": "Europe/Vienna"})
        assert response.status_code == 200
        profile = (await client.get(ME)).json()
        assert profile == response.json()
        assert profile["display_name"] == "Ada"
        assert profile["locale"] == "de-AT"
        assert profile["time_zone"] == "Europe/Vienna"
        assert profile["updated_at"] > profile["created_at"]

    async def test_removes_what_is_null(self, client: httpx2.AsyncClient) -> None:
        await patch(client, ME, {"display_name": "Ada", "locale": "de-AT"})
        response = await patch(client, ME, {"display_name": None})
        assert response.json()["display_name"] is None
        assert response.json()["locale"] == "de-AT"

    async def test_merges_preferences_one_by_one(self, client: httpx2.AsyncClient) -> None:
        await patch(client, ME, {"preferences": {"theme": "dark", "size": 3, "beta": True}})
        response = await patch(client, ME, {"preferences": {"size": 4, "beta": None}})
        assert response.json()["preferences"] == {"theme": "dark", "size": 4}

    async def test_gives_a_new_etag_that_the_next_change_needs(
        self, client: httpx2.AsyncClient
    ) -> None:
        first = (await client.get(ME)).headers["ETag"]
        second = (await patch(client, ME, {"locale": "de"})).headers["ETag"]
        assert second != first
        assert (await client.get(ME)).headers["ETag"] == second
        stale = await patch(client, ME, {"locale": "fr"}, based_on=first)
        assert stale.status_code == 412
        assert stale.json()["code"] == "precondition_failed"

    async def test_keeps_the_etag_where_nothing_changes(self, client: httpx2.AsyncClient) -> None:
        first = (await patch(client, ME, {"locale": "de"})).headers["ETag"]
        assert (await patch(client, ME, {"locale": "de"})).headers["ETag"] == first
        assert (await patch(client, ME, {})).headers["ETag"] == first

    async def test_needs_if_match(self, client: httpx2.AsyncClient) -> None:
        response = await client.patch(ME, json={"locale": "de"})
        assert response.status_code == 428

    @pytest.mark.parametrize("first", [True, False], ids=["first write", "later write"])
    async def test_lets_one_of_many_simultaneous_writers_win(
        self, client: httpx2.AsyncClient, *, first: bool
    ) -> None:
        if not first:
            await patch(client, ME, {"locale": "de"})
        etag = (await client.get(ME)).headers["ETag"]
        responses = await asyncio.gather(
            *(patch(client, ME, {"display_name": f"{n}"}, based_on=etag) for n in range(5))
        )
        assert sorted(response.status_code for response in responses) == [200, 412, 412, 412, 412]
        winner = next(response for response in responses if response.status_code == 200)
        assert (await client.get(ME)).json() == winner.json()

    async def test_merges_simultaneous_writes_to_whatever_there_is(
        self, client: httpx2.AsyncClient
    ) -> None:
        await client.get(ME)
        await asyncio.gather(
            *(patch(client, ME, {"preferences": {f"p{n}": n}}, based_on="*") for n in range(5))
        )
        profile = (await client.get(ME)).json()
        assert profile["preferences"] == {f"p{n}": n for n in range(5)}

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"display_name": " "}, "/display_name"),
            ({"display_name": "x" * 201}, "/display_name"),
            ({"display_name": "a\u0000b"}, "/display_name"),
            ({"display_name": "a\nb"}, "/display_name"),
            ({"locale": "de_AT"}, "/locale"),
            ({"time_zone": "Mars/Olympus"}, "/time_zone"),
            ({"time_zone": "../../etc/passwd"}, "/time_zone"),
            ({"preferences": None}, "/preferences"),
            ({"preferences": {"a": {"b": 1}}}, "/preferences"),
            ({"preferences": {"a": 1.5}}, "/preferences"),
            ({"preferences": {"a": 2**53}}, "/preferences"),
            ({"preferences": {"a": "\u0000"}}, "/preferences"),
            ({"preferences": {"a": "x" * 1001}}, "/preferences"),
            ({"preferences": {"a b": 1}}, "/preferences"),
            ({"preferences": {f"p{n}": n for n in range(65)}}, "/preferences"),
            ({"status": "active"}, "/status"),
            ({"id": "x"}, "/id"),
        ],
    )
    async def test_refuses_what_no_profile_can_hold(
        self, client: httpx2.AsyncClient, body: object, pointer: str
    ) -> None:
        response = await patch(client, ME, body)
        assert response.status_code == 422
        assert all(error["pointer"].startswith(pointer) for error in response.json()["errors"])

    async def test_counts_preferences_after_the_merge(self, client: httpx2.AsyncClient) -> None:
        await patch(client, ME, {"preferences": {f"p{n}": n for n in range(64)}})
        assert (await patch(client, ME, {"preferences": {"one_more": 1}})).status_code == 422
        swap = {"preferences": {"p0": None, "one_more": 1}}
        assert (await patch(client, ME, swap)).status_code == 200


class TestListUsers:
    async def test_pages_through_everybody_once(self, admin: httpx2.AsyncClient) -> None:
        for number in range(5):
            await add_user(admin, f"user-{number}")
        pages: list[list[str]] = []
        query: dict[str, str | int] = {"limit": 2}
        while query.get("cursor", "") is not None:
            page = (await admin.get(USERS, params=query)).json()
            pages.append([user["subject"] for user in page["items"]])
            query["cursor"] = page["next"]
        assert pages == [["root", "user-0"], ["user-1", "user-2"], ["user-3", "user-4"]]

    async def test_filters_by_status(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        await disable(admin, await path_of(client_of("bob")))
        disabled = (await admin.get(USERS, params={"status": "disabled"})).json()["items"]
        active = (await admin.get(USERS, params={"status": "active"})).json()["items"]
        assert [user["subject"] for user in disabled] == ["bob"]
        assert [user["subject"] for user in active] == ["root"]

    @pytest.mark.parametrize(
        ("query", "found"),
        [("BOB", ["bob"]), ("lovelace", ["bob"]), ("%", ["100%"]), ("_", []), ("", None)],
    )
    async def test_finds_by_name_and_subject(
        self,
        admin: httpx2.AsyncClient,
        client_of: ClientMaker,
        query: str,
        found: list[str] | None,
    ) -> None:
        await patch(client_of("bob"), ME, {"display_name": "Ada Lovelace"})
        await add_user(admin, "100%")
        response = await admin.get(USERS, params={"q": query})
        if found is None:
            assert response.status_code == 422
        else:
            assert [user["subject"] for user in response.json()["items"]] == found

    @pytest.mark.parametrize(
        "query", [{"cursor": "x"}, {"limit": "0"}, {"limit": "201"}, {"status": "erased"}]
    )
    async def test_refuses_what_it_cannot_read(
        self, admin: httpx2.AsyncClient, query: dict[str, str]
    ) -> None:
        assert (await admin.get(USERS, params=query)).status_code == 422

    async def test_asks_the_database_as_often_for_fifty_as_for_one(
        self, admin: httpx2.AsyncClient
    ) -> None:
        for number in range(50):
            await add_user(admin, f"user-{number}")
        counts = []
        for limit in (1, 50):
            with counted_statements() as statements:
                response = await admin.get(USERS, params={"limit": limit})
            assert len(response.json()["items"]) == limit
            counts.append(len(statements))
        assert counts[0] == counts[1] > 0


class TestCreateUser:
    async def test_makes_a_user_who_then_signs_in(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        body = {"issuer": "urn:muniment:local", "subject": "carol"}
        created = await admin.post(USERS, json=body)
        assert created.status_code == 201
        user = (await admin.get(created.headers["Location"])).json()
        assert user == created.json()
        assert (await client_of("carol").get(ME)).json()["id"] == user["id"]
        assert created.headers["ETag"] == (await client_of("carol").get(ME)).headers["ETag"]

    async def test_refuses_a_second_one(self, admin: httpx2.AsyncClient) -> None:
        await add_user(admin, "carol")
        response = await add_user(admin, "carol")
        assert response.status_code == 409
        assert response.json()["code"] == "user_exists"

    async def test_refuses_an_issuer_whose_tokens_are_not_accepted(
        self, admin: httpx2.AsyncClient
    ) -> None:
        body = {"issuer": f"{ISSUER}/", "subject": "carol"}
        refused = await admin.post(USERS, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_issuer")
        [fault] = refused.json()["errors"]
        assert fault["pointer"] == "/issuer"
        assert f"the issuers are {ISSUER}." in fault["detail"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"issuer": ISSUER},
            {"issuer": "", "subject": "x"},
            {"issuer": "https://a|b", "subject": "x"},
            {"issuer": ISSUER, "subject": "x\u0000"},
            {"issuer": ISSUER, "subject": "x" * 256},
            {"issuer": ISSUER, "subject": "x", "roles": ["admin"]},
        ],
    )
    async def test_refuses_what_cannot_sign_in(
        self, admin: httpx2.AsyncClient, body: object
    ) -> None:
        assert (await admin.post(USERS, json=body)).status_code == 422

    async def test_creates_once_for_one_key(self, admin: httpx2.AsyncClient) -> None:
        body = {"issuer": ISSUER, "subject": "carol"}
        first, second = [
            await admin.post(USERS, json=body, headers={"Idempotency-Key": "key-1"})
            for _ in range(2)
        ]
        assert (first.status_code, second.status_code) == (201, 201)
        assert "Idempotent-Replay" not in first.headers
        assert second.headers["Idempotent-Replay"] == "true"
        assert second.content == first.content
        for header in ("Location", "ETag", "Content-Type"):
            assert second.headers[header] == first.headers[header]


class TestReadUser:
    async def test_gives_the_profile_but_not_what_a_token_says(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        bob = client_of("bob")
        await patch(bob, ME, {"display_name": "Bob", "preferences": {"theme": "dark"}})
        user = (await admin.get(await path_of(bob))).json()
        assert user["display_name"] == "Bob"
        assert user["preferences"] == {"theme": "dark"}
        assert "roles" not in user

    async def test_does_not_find_what_is_not_there(self, admin: httpx2.AsyncClient) -> None:
        response = await admin.get(f"{USERS}/01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77")
        assert response.status_code == 404

    async def test_does_not_take_a_word_for_an_id(self, admin: httpx2.AsyncClient) -> None:
        assert (await admin.get(f"{USERS}/bob")).status_code == 404

    async def test_does_not_take_oneself_for_an_id(self, admin: httpx2.AsyncClient) -> None:
        refused = await admin.delete(f"{USERS}/me", headers={"If-Match": "*"})
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, PATCH")


class TestUpdateUser:
    async def test_shuts_out_and_lets_in_at_the_next_request(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        bob = client_of("bob")
        path = await path_of(bob)
        assert (await bob.get(ME)).status_code == 200
        await disable(admin, path)
        assert (await bob.get(ME)).status_code == 401
        assert (await patch(admin, path, {"status": "active"})).status_code == 200
        assert (await bob.get(ME)).status_code == 200

    async def test_keeps_the_etag_where_nothing_changes(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        path = await path_of(client_of("bob"))
        before = (await admin.get(path)).headers["ETag"]
        assert (await patch(admin, path, {"status": "active"})).headers["ETag"] == before

    async def test_needs_the_user_as_last_seen(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        bob = client_of("bob")
        path = await path_of(bob)
        seen = (await admin.get(path)).headers["ETag"]
        await patch(bob, ME, {"display_name": "Bob"})
        response = await patch(admin, path, {"status": "disabled"}, based_on=seen)
        assert response.status_code == 412
        assert (await admin.patch(path, json={"status": "disabled"})).status_code == 428

    async def test_does_not_let_admins_lock_themselves_out(self, admin: httpx2.AsyncClient) -> None:
        response = await patch(admin, await path_of(admin), {"status": "disabled"})
        assert response.status_code == 409
        assert response.json()["code"] == "own_account"

    @pytest.mark.parametrize("body", [{}, {"status": "erased"}, {"display_name": "x"}])
    async def test_changes_the_status_alone(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker, body: object
    ) -> None:
        path = await path_of(client_of("bob"))
        assert (await patch(admin, path, body)).status_code == 422


class TestEraseUser:
    async def test_leaves_nothing_personal(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker, database: TestDatabase
    ) -> None:
        bob = client_of("bob")
        path = await path_of(bob)
        await patch(bob, ME, {"display_name": "Bob"})
        assert (await admin.delete(path, headers={"If-Match": "*"})).status_code == 204
        assert (await admin.get(path)).status_code == 404
        assert (await admin.delete(path, headers={"If-Match": "*"})).status_code == 404
        async with database.owner.connect() as connection:
            left = await connection.execute(text("select a, p from account a, profile p"))
            assert "bob" not in str(left.all()).lower()

    async def test_needs_the_revision_that_was_seen(
        self, admin: httpx2.AsyncClient, client_of: ClientMaker
    ) -> None:
        path = await path_of(client_of("bob"))
        seen = (await admin.get(path)).headers["ETag"]
        await disable(admin, path)
        assert (await admin.delete(path)).status_code == 428
        assert (await admin.delete(path, headers={"If-Match": seen})).status_code == 412
        seen = (await admin.get(path)).headers["ETag"]
        assert (await admin.delete(path, headers={"If-Match": seen})).status_code == 204

    async def test_does_not_let_admins_erase_themselves(self, admin: httpx2.AsyncClient) -> None:
        response = await admin.delete(await path_of(admin), headers={"If-Match": "*"})
        assert response.status_code == 409
        assert (await admin.get(ME)).status_code == 200
