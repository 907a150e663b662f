"""The back channel as an issuer calls it, at a server that trusts it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from muniment.audit.acts import name_of
from muniment.identity.provider import WELL_KNOWN
from muniment.kit.clock import SystemClock
from tests.revocation.test_logout_tokens import logout_token
from tests.support.callers import bearer
from tests.support.database import TestDatabase
from tests.support.fake_idp import ABSENT, AUDIENCE, CLIENT, FakeIdp
from tests.support.trail import trail_of
from tests.support.web_server import WebServer, answer, web_server
from tests.support.whole_product import WholeProduct, whole_product

BACK_CHANNEL = "/auth/backchannel-logout"
ME = "/api/v1/users/me"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Trusting:
    """A server that trusts the fake issuer, which lives at an address of its own."""

    idp: FakeIdp
    web: WebServer
    issuer: str
    client: httpx2.AsyncClient
    product: WholeProduct

    def token(self, **claims: object) -> str:
        return self.idp.token({"iss": self.issuer, "sid": "sid-1", "sub": "alice", **claims})

    def logout_token(self, **claims: object) -> str:
        return logout_token(self.idp, self.now, None, **{"iss": self.issuer, **claims})

    @property
    def now(self) -> int:
        return int(SystemClock().now().timestamp())

    async def whoami(self, token: str) -> int:
        return (await self.client.get(ME, headers=bearer(token))).status_code

    async def log_out(self, token: str) -> httpx2.Response:
        return await self.client.post(BACK_CHANNEL, data={"logout_token": token})


@pytest.fixture
async def trusting(migrated: TestDatabase, tmp_path: Path) -> AsyncIterator[Trusting]:
    idp = FakeIdp(SystemClock())
    async with web_server() as web:
        issuer = web.url("/realms/muniment")
        described = {"issuer": issuer, "jwks_uri": web.url("/certs")}
        web.answers["/realms/muniment" + WELL_KNOWN] = answer(json.dumps(described).encode())
        web.answers["/certs"] = answer(json.dumps({"keys": idp.jwks()}).encode())
        given = {"issuer": issuer, "audience": AUDIENCE, "clients": [CLIENT], "tenant": "acme"}
        identity = {"issuers": [given]}
        async with whole_product(migrated, tmp_path, identity=identity) as product:
            client = product.client(None)
            async with client:
                yield Trusting(idp, web, issuer, client, product)


class TestBackChannel:
    async def test_ends_the_session_that_it_names(self, trusting: Trusting) -> None:
        mine, other = trusting.token(), trusting.token(sid="sid-2")
        assert [await trusting.whoami(token) for token in (mine, other)] == [200, 200]
        answered = await trusting.log_out(trusting.logout_token())
        assert (answered.status_code, answered.content) == (200, b"")
        assert answered.headers["cache-control"] == "no-store"
        assert [await trusting.whoami(token) for token in (mine, other)] == [401, 200]

    async def test_leaves_an_entry_in_the_audit_of_the_user(
        self, trusting: Trusting, migrated: TestDatabase
    ) -> None:
        await trusting.whoami(trusting.token())
        told: list[dict[str, object]] = [{}, {"sub": ABSENT}, {"sub": "stranger", "sid": "sid-9"}]
        for number, claims in enumerate(told):
            await trusting.log_out(trusting.logout_token(jti=f"jti-{number}", **claims))
            await trusting.log_out(trusting.logout_token(jti=f"jti-{number}", **claims))
        entries = await trail_of(migrated, "logout")
        alice = name_of(trusting.issuer, "alice")
        stranger = name_of(trusting.issuer, "stranger")
        assert [entry.actor for entry in entries] == [alice, trusting.issuer, stranger]
        assert [entry.tenant_id is None for entry in entries] == [False, True, True]
        assert [entry.actor_id is None for entry in entries] == [False, True, True]

    async def test_leaves_an_entry_of_a_token_that_it_does_not_believe(
        self, trusting: Trusting, migrated: TestDatabase
    ) -> None:
        for _ in range(2):
            await trusting.log_out("not.a.token")
        await trusting.product.serving.sign_in.counter.flush()
        [entry] = await trail_of(migrated)
        assert (entry.action, entry.outcome, entry.count) == ("logout", "failed", 2)
        assert entry.details["reason"] == "logout_token_refused"

    async def test_ends_all_sessions_of_a_user_it_names_alone(self, trusting: Trusting) -> None:
        tokens = [trusting.token(), trusting.token(sid="sid-2"), trusting.token(sub="bob")]
        await trusting.log_out(trusting.logout_token(sid=ABSENT))
        assert [await trusting.whoami(token) for token in tokens] == [401, 401, 200]

    async def test_lets_who_signs_in_again_in_whose_session_keeps_its_sid(
        self, trusting: Trusting
    ) -> None:
        await trusting.log_out(trusting.logout_token(iat=trusting.now - 5))
        assert await trusting.whoami(trusting.token(iat=trusting.now - 6)) == 401
        assert await trusting.whoami(trusting.token()) == 200

    async def test_hears_a_token_once(self, trusting: Trusting) -> None:
        token = trusting.logout_token()
        answers = [await trusting.log_out(token) for _ in range(2)]
        assert [answered.status_code for answered in answers] == [200, 400]

    @pytest.mark.parametrize(
        ("body", "headers", "status"),
        [
            (b"", FORM, 400),
            (b"logout_token=", FORM, 400),
            (b"logout_token=x", FORM, 400),
            (b"logout_token=x&logout_token=y", FORM, 400),
            (b"other=x", FORM, 400),
            (b"logout_token=%ff", FORM, 400),
            (b"logout_token=\xff", FORM, 400),
            pytest.param(b"&".join([b"a=1"] * 100), FORM, 400, id="many fields"),
            pytest.param(b"logout_token=" + b"x" * 100_000, FORM, 400, id="long"),
            (b'{"logout_token": "x"}', {"Content-Type": "application/json"}, 415),
            (b"logout_token=x", {}, 415),
            pytest.param(b"logout_token=" + b"x" * 2_000_000, FORM, 413, id="too long"),
        ],
    )
    async def test_refuses_what_is_no_logout_token(
        self, trusting: Trusting, body: bytes, headers: dict[str, str], status: int
    ) -> None:
        answered = await trusting.client.post(BACK_CHANNEL, content=body, headers=headers)
        assert answered.status_code == status
        assert answered.headers["content-type"] == "application/problem+json"

    async def test_says_the_same_to_every_bad_token(self, trusting: Trusting) -> None:
        bad = [
            trusting.token(),
            trusting.logout_token(nonce="n"),
            trusting.logout_token(aud="x"),
            trusting.logout_token()[:-8] + "AAAAAAAA",
        ]
        answers = [(await trusting.log_out(token)).json() for token in bad]
        for told in answers:
            del told["request_id"], told["instance"]
        assert all(told == answers[0] for told in answers)
        assert answers[0]["code"] == "logout_token_refused"
        assert await trusting.whoami(trusting.token()) == 200

    async def test_is_answered_by_post_alone(self, trusting: Trusting) -> None:
        asked = await trusting.client.get(BACK_CHANNEL, params={"logout_token": "x"})
        assert asked.status_code == 405

    async def test_says_when_the_keys_cannot_be_had(self, trusting: Trusting) -> None:
        trusting.web.answers.clear()
        answered = await trusting.log_out(trusting.logout_token())
        assert (answered.status_code, answered.json()["code"]) == (503, "provider_unavailable")


class TestIssuers:
    async def test_of_the_settings_let_in_and_the_built_in_one_does_not(
        self, trusting: Trusting
    ) -> None:
        ours = trusting.product.serving.sign_in.local_issuer.mint("alice")
        assert await trusting.whoami(trusting.token()) == 200
        assert await trusting.whoami(ours) == 401

    async def test_that_are_away_make_nobodys_token_bad(self, trusting: Trusting) -> None:
        trusting.web.answers.clear()
        answered = await trusting.client.get(ME, headers=bearer(trusting.token()))
        assert (answered.status_code, answered.json()["code"]) == (503, "provider_unavailable")
        assert answered.headers["retry-after"] == "5"
        assert "www-authenticate" not in answered.headers

    async def test_sign_their_users_in_as_who_they_are(self, trusting: Trusting) -> None:
        told = await trusting.client.get(ME, headers=bearer(trusting.token(name="Alice Example")))
        assert told.json()["issuer"] == trusting.issuer
        assert told.json()["subject"] == "alice"

    async def test_are_trusted_for_their_clients_alone(self, trusting: Trusting) -> None:
        assert await trusting.whoami(trusting.token(azp="other-app-full")) == 401
