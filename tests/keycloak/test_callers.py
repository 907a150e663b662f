"""Who may do what, as a real Keycloak says it and the product behind it keeps it."""

import asyncio
import time
from pathlib import Path

import httpx2
import pytest

from tests.keycloak.conftest import Behind, calling, issuers_for
from tests.support.database import TestDatabase
from tests.support.keycloak.realm import Realm
from tests.support.whole_product import whole_product

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(400)]
ME = "/api/v1/users/me"


async def status(behind: Behind, token: str, path: str = ME) -> tuple[int, str | None]:
    """Ask both servers; give what both answer, with the code of the problem."""
    answers = []
    for address in (behind.first, behind.second):
        async with calling(address, token) as client:
            answer = await client.get(path)
            problem = None if answer.is_success else str(answer.json()["code"])
            answers.append((answer.status_code, problem))
    assert answers[0] == answers[1]
    return answers[0]


class TestUsers:
    async def test_are_known_by_issuer_and_subject(self, behind: Behind) -> None:
        async with behind.caller("alice") as alice:
            me = (await alice.get(ME)).raise_for_status().json()
        subject = (await behind.realm.user("alice"))["id"]
        assert (me["issuer"], me["subject"]) == (behind.realm.issuer, subject)

    @pytest.mark.parametrize(
        ("user", "users", "collections"),
        [("alice", 403, 200), ("carol", 200, 200), ("dave", 403, 403), ("erin", 403, 403)],
        ids=["member", "admin", "auditor", "no role"],
    )
    async def test_may_what_their_roles_allow(
        self, behind: Behind, user: str, users: int, collections: int
    ) -> None:
        async with behind.caller(user) as client:
            assert (await client.get(ME)).status_code == 200
            assert (await client.get("/api/v1/users")).status_code == users
            assert (await client.get("/api/v1/collections")).status_code == collections

    @pytest.mark.parametrize("user", ["frank", "grace"], ids=["two organisations", "none"])
    async def test_of_no_single_organisation_are_told_so(self, behind: Behind, user: str) -> None:
        token = (await behind.realm.token_of(user)).access_token
        assert await status(behind, token) == (403, "tenant_required")

    async def test_of_another_organisation_are_in_another_tenant(self, behind: Behind) -> None:
        async with behind.caller("alice") as alice, behind.caller("heidi") as heidi:
            made = await alice.post("/api/v1/collections", json={"name": "Plans of acme"})
            path = f"/api/v1/collections/{made.raise_for_status().json()['id']}"
            grant = {"principal": "everyone", "role": "reader"}
            (await alice.post(f"{path}/grants", json=grant)).raise_for_status()
            assert (await heidi.get(path)).status_code == 404
            assert (await heidi.get("/api/v1/collections")).json()["items"] == []

    async def test_may_be_programs(self, behind: Behind) -> None:
        token = (await behind.realm.service_token()).access_token
        assert await status(behind, token, "/api/v1/collections") == (200, None)


class TestForeignTokens:
    @pytest.mark.parametrize("client", ["foreign-app", "foreign-app-full"])
    async def test_of_other_clients_are_refused(self, behind: Behind, client: str) -> None:
        token = (await behind.realm.token_of("alice", client)).access_token
        assert await status(behind, token) == (401, "invalid_token")

    async def test_of_other_kinds_are_refused(self, behind: Behind) -> None:
        tokens = await behind.realm.token_of("alice")
        for token in (tokens.id_token, tokens.refresh_token):
            assert token
            assert await status(behind, token) == (401, "invalid_token")

    async def test_of_the_administrators_realm_are_refused(self, behind: Behind) -> None:
        async with behind.realm.keycloak.client() as http:
            answer = await http.post(
                "/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password",
                    "client_id": "admin-cli",
                    "username": behind.realm.keycloak.admin,
                    "password": behind.realm.keycloak.password,
                },
            )
        assert await status(behind, answer.json()["access_token"]) == (401, "invalid_token")


class TestWalls:
    async def test_move_with_what_the_next_token_says(self, behind: Behind) -> None:
        realm = behind.realm
        await realm.add_user("wanda", like="alice")
        async with behind.caller("bob") as bob:
            document = await upload(bob, {"all": [{"attribute": "clearance", "gte": 4}]})
            path = f"/api/v1/documents/{document}"
            async with behind.caller("wanda", at=behind.second) as wanda:
                assert (await wanda.get(path)).status_code == 404
                await realm.set_attribute("wanda", "clearance", "4")
                # What a token says does not change while it lives.
                assert (await wanda.get(path)).status_code == 404
            async with behind.caller("wanda", at=behind.second) as wanda:
                assert (await wanda.get(path)).status_code == 200
            await realm.set_attribute("wanda", "clearance", None)
            async with behind.caller("wanda", at=behind.second) as wanda:
                assert (await wanda.get(path)).status_code == 404

    async def test_let_members_of_a_group_below_pass(self, behind: Behind) -> None:
        await behind.realm.add_user("victor", like="bob")
        async with (
            behind.caller("bob") as bob,
            behind.caller("victor") as victor,
            behind.caller("alice") as alice,
            behind.caller("heidi") as heidi,
        ):
            path = f"/api/v1/documents/{await upload(bob, {'any_of': ['group:/eng']})}"
            assert (await alice.get(path)).status_code == 200  # in /eng/search
            assert (await victor.get(path)).status_code == 404  # in /legal
            assert (await heidi.get(path)).status_code == 404  # in the /eng of another tenant

    async def test_open_to_a_role_that_was_given(self, behind: Behind) -> None:
        await behind.realm.add_user("rose", like="erin")
        async with behind.caller("rose") as rose:
            assert (await rose.get("/api/v1/collections")).status_code == 403
        await behind.realm.give_role("rose", "member")
        async with behind.caller("rose") as rose:
            assert (await rose.get("/api/v1/collections")).status_code == 200


async def upload(client: httpx2.AsyncClient, rule: object) -> str:
    """Make a collection that everybody may read, with a document under a rule."""
    made = await client.post("/api/v1/collections", json={"name": "Walls"})
    path = f"/api/v1/collections/{made.raise_for_status().json()['id']}"
    grant = {"principal": "everyone", "role": "reader"}
    (await client.post(f"{path}/grants", json=grant)).raise_for_status()
    uploaded = await client.post(
        f"{path}/documents", files={"file": ("heron.txt", b"The heron flies at dawn.")}
    )
    document = str(uploaded.raise_for_status().json()["documents"][0]["id"])
    changed = await client.put(
        f"/api/v1/documents/{document}/access", json={"rule": rule}, headers={"If-Match": "*"}
    )
    changed.raise_for_status()
    return document


class TestRotatedKeys:
    async def test_fail_no_request(self, behind: Behind) -> None:
        failed: list[int] = []
        answered = 0
        until = time.monotonic() + 6

        async def ask(user: str, address: str) -> None:
            nonlocal answered
            while time.monotonic() < until:
                # Keycloak takes logins of one person at once for an attack.
                token = (await behind.realm.token_of(user)).access_token
                async with calling(address, token) as client:
                    code = (await client.get(ME)).status_code
                answered += 1
                if code != 200:
                    failed.append(code)

        async def rotate() -> None:
            for priority in (301, 302):
                await asyncio.sleep(1.5)
                await behind.realm.rotate_keys(priority)

        await asyncio.gather(
            ask("alice", behind.first),
            ask("bob", behind.second),
            ask("carol", behind.second),
            rotate(),
        )
        assert failed == []
        assert answered > 10


class TestIntrospection:
    async def test_lets_in_whom_the_issuer_calls_active(
        self, realm: Realm, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        identity = {"issuers": issuers_for(realm, introspection=True)}
        await realm.add_user("ivan", like="alice")
        token = (await realm.token_of("ivan")).access_token
        foreign = (await realm.token_of("ivan", "foreign-app-full")).access_token
        async with (
            whole_product(migrated, tmp_path, identity=identity) as product,
            product.client(None) as client,
        ):

            async def ask(token: str) -> int:
                headers = {"Authorization": f"Bearer {token}"}
                return (await client.get(ME, headers=headers)).status_code

            assert await ask(token) == 200
            assert await ask(foreign) == 401
            await realm.log_out("ivan")
            # Nobody told us: the issuer itself says so, when its last answer is ten seconds old.
            deadline = time.monotonic() + 15
            while await ask(token) == 200:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.5)
            assert await ask(token) == 401
