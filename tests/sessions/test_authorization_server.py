"""What the endpoints of an issuer may answer, and what a sign-in makes of it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.provider import WELL_KNOWN, Provider
from muniment.identity.settings import IssuerSettings, WebSignInSettings
from muniment.kit.egress.operator import OperatorClient
from muniment.sessions.authorization_server import AuthorizationServer, Question
from muniment.sessions.errors import GrantLostError, GrantRefusedError
from tests.support.fixed_clock import FixedClock
from tests.support.web_server import WebServer, answer, web_server

GRANTED = {"access_token": "a", "token_type": "bearer", "refresh_token": "r"}
TOKEN = SecretStr("t")
CLOSED = {"Connection": "close"}
"""The web server of the tests answers once on each connection."""


@dataclass
class Asking:
    """An authorization server and the web server that plays it."""

    web: WebServer
    server: AuthorizationServer

    def describe(self, *endpoints: str) -> None:
        """Let it describe itself with these endpoints."""
        told = {name: self.web.url(f"/{name}") for name in ("jwks_uri", *endpoints)}
        described = json.dumps({"issuer": self.web.url("/realm"), **told}).encode()
        self.web.answers["/realm" + WELL_KNOWN] = answer(described, headers=CLOSED)

    def answer_token(self, body: object, status: int = 200) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.web.answers["/token_endpoint"] = answer(content, status, CLOSED)


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    async with web_server() as web:
        issuer = web.url("/realm")
        settings = IssuerSettings(issuer=issuer, audience="a", clients=("web",), tenant="acme")
        sign_in = WebSignInSettings(issuer=issuer, client_id="web", client_secret=SecretStr("s"))
        async with OperatorClient([issuer]) as client:
            provider = Provider(settings, client, FixedClock())
            server = AuthorizationServer(provider, sign_in, client, "https://ask.example.com")
            yield Asking(web, server)


class TestEndpoints:
    async def test_that_are_not_there_make_no_sign_in(self, asking: Asking) -> None:
        asking.describe()
        with pytest.raises(ProviderUnavailableError):
            await asking.server.address_of(Question("s", "n", "v"))
        with pytest.raises(ProviderUnavailableError):
            await asking.server.exchange("code", "verifier")
        with pytest.raises(GrantLostError):
            await asking.server.refresh("r")

    async def test_that_are_not_there_are_not_missed_at_the_end(self, asking: Asking) -> None:
        asking.describe()
        await asking.server.revoke(TOKEN)
        assert await asking.server.logout_address(TOKEN) is None
        assert asking.web.paths() == ["/realm" + WELL_KNOWN]

    async def test_of_a_provider_that_never_answered(self, asking: Asking) -> None:
        with pytest.raises(GrantLostError):
            await asking.server.refresh("r")
        await asking.server.revoke(TOKEN)
        assert await asking.server.logout_address(None) is None

    async def test_of_another_origin_get_no_secret(self, asking: Asking) -> None:
        asking.describe()
        async with web_server() as other:
            described = {
                "issuer": asking.web.url("/realm"),
                "jwks_uri": asking.web.url("/certs"),
                "token_endpoint": other.url("/token_endpoint"),
            }
            content = json.dumps(described).encode()
            asking.web.answers["/realm" + WELL_KNOWN] = answer(content, headers=CLOSED)
            with pytest.raises(GrantLostError):
                await asking.server.refresh("r")
            assert other.asked == []


class TestGrants:
    @pytest.mark.parametrize("kind", ["Bearer", "bearer"])
    async def test_are_taken_as_they_are(self, asking: Asking, kind: str) -> None:
        asking.describe("token_endpoint")
        asking.answer_token({**GRANTED, "token_type": kind, "scope": "openid", "expires_in": 300})
        granted = await asking.server.refresh("r")
        assert granted.access_token.get_secret_value() == "a"
        assert granted.id_token is None
        assert "'a'" not in repr(granted)
        sent = asking.web.asked[-1].headers
        assert sent["authorization"] == "Basic d2ViOnM="

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 200),
            (b"<html>", 200),
            ([], 200),
            ({}, 200),
            ({"access_token": "a"}, 200),
            ({**GRANTED, "token_type": "DPoP"}, 200),
            ({**GRANTED, "access_token": 1}, 200),
            pytest.param(b"[" * 300_000, 200, id="large"),
            (GRANTED, 201),
            (GRANTED, 302),
            ({"error": "invalid_client"}, 401),
            ({"error": "invalid_client"}, 400),
            ({"error": "invalid_request"}, 400),
            (b"<html>", 400),
            ({}, 400),
            ({}, 500),
        ],
    )
    async def test_that_cannot_be_used_end_nobodys_session(
        self, asking: Asking, body: object, status: int
    ) -> None:
        asking.describe("token_endpoint")
        asking.answer_token(body, status)
        with pytest.raises(GrantLostError):
            await asking.server.refresh("r")
        with pytest.raises(ProviderUnavailableError):
            await asking.server.exchange("code", "verifier")

    async def test_are_refused_by_one_word_alone(self, asking: Asking) -> None:
        asking.describe("token_endpoint")
        asking.answer_token(
            {"error": "invalid_grant", "error_description": "Session not active"}, 400
        )
        with pytest.raises(GrantRefusedError):
            await asking.server.refresh("r")
        with pytest.raises(GrantRefusedError):
            await asking.server.exchange("code", "verifier")


class TestRevoke:
    @pytest.mark.parametrize("status", [200, 400, 503])
    async def test_asks_once_and_lives_with_the_answer(self, asking: Asking, status: int) -> None:
        asking.describe("revocation_endpoint")
        asking.web.answers["/revocation_endpoint"] = answer(status=status)
        await asking.server.revoke(TOKEN)
        assert asking.web.paths()[-1] == "/revocation_endpoint"


class TestLogoutAddress:
    async def test_works_without_an_id_token(self, asking: Asking) -> None:
        asking.describe("end_session_endpoint")
        address = await asking.server.logout_address(None)
        assert address == (
            f"{asking.web.url('/end_session_endpoint')}?client_id=web"
            "&post_logout_redirect_uri=https%3A%2F%2Fask.example.com%2F"
        )
