"""Every route of users, called by everybody."""

from dataclasses import dataclass

import httpx2
import pytest

from muniment.identity.local_issuer import ISSUER
from tests.profiles.arrange import ME, USERS, disable, path_of
from tests.support.app import ClientMaker
from tests.support.callers import ADMIN


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    body: object = None

    async def call(self, client: httpx2.AsyncClient, user: str = "") -> httpx2.Response:
        path = self.path.replace("{user}", user)
        return await client.request(self.method, path, json=self.body, headers={"If-Match": "*"})


READ_ME = Route("GET", ME)
UPDATE_ME = Route("PATCH", ME, {"locale": "de"})
LIST = Route("GET", USERS)
CREATE = Route("POST", USERS, {"issuer": ISSUER, "subject": "new"})
READ = Route("GET", "{user}")
UPDATE = Route("PATCH", "{user}", {"status": "disabled"})
ERASE = Route("DELETE", "{user}")

EVERY = (READ_ME, UPDATE_ME, LIST, CREATE, READ, UPDATE, ERASE)
FOR_ADMINS = (LIST, CREATE, READ, UPDATE, ERASE)
OF_ONE_USER = (READ, UPDATE, ERASE)


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
async def bob(client_of: ClientMaker) -> str:
    return await path_of(client_of("bob"))


@pytest.mark.parametrize("route", EVERY, ids=name)
class TestNobody:
    async def test_must_sign_in(self, client: httpx2.AsyncClient, route: Route, bob: str) -> None:
        response = await route.call(client, bob)
        assert response.status_code == 401
        assert response.json()["code"] == "authentication_required"
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", EVERY, ids=name)
class TestDisabled:
    async def test_is_shut_out_with_a_good_token(
        self, client_of: ClientMaker, route: Route, bob: str
    ) -> None:
        root, mallory = client_of("root", roles=ADMIN), client_of("mallory", roles=ADMIN)
        await disable(root, await path_of(mallory))
        response = await route.call(mallory, bob)
        assert response.status_code == 401
        assert response.json()["code"] == "invalid_token"


class TestCallerWithoutRole:
    async def test_reads_their_own_profile(self, client_of: ClientMaker) -> None:
        response = await READ_ME.call(client_of("eve", roles=[]))
        assert response.status_code == 200
        assert response.json()["permissions"] == ["profile:read"]

    @pytest.mark.parametrize("route", [UPDATE_ME, *FOR_ADMINS], ids=name)
    async def test_does_nothing_else(self, client_of: ClientMaker, route: Route, bob: str) -> None:
        response = await route.call(client_of("eve", roles=[]), bob)
        assert response.status_code == 403
        assert response.json()["code"] == "permission_denied"


class TestMember:
    @pytest.mark.parametrize("route", [READ_ME, UPDATE_ME], ids=name)
    async def test_has_their_own_profile(self, client_of: ClientMaker, route: Route) -> None:
        assert (await route.call(client_of("alice"))).status_code == 200

    @pytest.mark.parametrize("route", FOR_ADMINS, ids=name)
    @pytest.mark.parametrize("role", ["member", "auditor"])
    async def test_manages_nobody(
        self, client_of: ClientMaker, route: Route, role: str, bob: str
    ) -> None:
        response = await route.call(client_of("alice", roles=[role]), bob)
        assert response.status_code == 403


class TestAdmin:
    @pytest.mark.parametrize("route", EVERY, ids=name)
    async def test_may_do_everything(self, client_of: ClientMaker, route: Route, bob: str) -> None:
        response = await route.call(client_of("root", roles=ADMIN), bob)
        assert response.is_success


class TestAdminOfAnotherTenant:
    @pytest.mark.parametrize("route", OF_ONE_USER, ids=name)
    async def test_does_not_learn_that_the_user_exists(
        self, client_of: ClientMaker, route: Route, bob: str
    ) -> None:
        stranger = client_of("root", roles=ADMIN, tenant="other")
        response = await route.call(stranger, bob)
        assert response.status_code == 404
        assert response.json()["code"] == "user_not_found"
        assert (await client_of("bob").get(ME)).json()["status"] == "active"

    async def test_sees_only_users_of_their_own(self, client_of: ClientMaker, bob: str) -> None:
        stranger = client_of("root", roles=ADMIN, tenant="other")
        subjects = [user["subject"] for user in (await stranger.get(USERS)).json()["items"]]
        assert subjects == ["root"]
