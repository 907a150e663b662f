import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from muniment.identity.errors import InvalidTokenError, ProviderUnavailableError
from muniment.identity.introspection import RemoteIntrospection
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.settings import IntrospectionSettings
from muniment.identity.verifier import TokenVerifier
from muniment.kit.egress.operator import OperatorClient
from tests.support.fake_idp import ABSENT, ISSUER, FakeIdp
from tests.support.fixed_clock import FixedClock
from tests.support.web_server import WebServer, answer, web_server

ASK = "/introspect"
OPAQUE = "b3BhcXVlLXRva2VuLW9mLXNvbWVib2R5"


@pytest.fixture
async def web(idp: FakeIdp) -> AsyncIterator[WebServer]:
    async with web_server() as serving:
        say(serving, alive(idp))
        yield serving


@pytest.fixture
async def introspection(web: WebServer) -> AsyncIterator[RemoteIntrospection]:
    async def find() -> str:
        return web.url(ASK)

    settings = IntrospectionSettings.model_validate(
        {"client_id": "muniment-api", "client_secret": "hunter2"}
    )
    async with OperatorClient([web.url()], timeout=timedelta(milliseconds=300)) as client:
        yield RemoteIntrospection(ISSUER, settings, find, client)


@pytest.fixture
def asking(trusted: TrustedIssuer, introspection: RemoteIntrospection) -> TrustedIssuer:
    return replace(trusted, introspection=introspection)


@pytest.fixture
def verifier(asking: TrustedIssuer, clock: FixedClock) -> TokenVerifier:
    return TokenVerifier(TrustedIssuers([asking]), clock)


def alive(idp: FakeIdp, **changes: object) -> dict[str, object]:
    """Answer as Keycloak does: all claims, and three more."""
    more = {"active": True, "client_id": "muniment-web", "username": "alice"}
    return {**idp.claims(changes), **more}


def say(web: WebServer, told: Mapping[str, object]) -> None:
    web.answers[ASK] = answer(json.dumps(told).encode())


class TestClaims:
    async def test_are_those_of_the_answer(
        self, web: WebServer, verifier: TokenVerifier, idp: FakeIdp
    ) -> None:
        say(web, alive(idp, clearance=5))
        claims = await verifier.verify(idp.token({"clearance": 1}))
        assert claims.attributes["clearance"] == 5

    async def test_are_asked_for_as_our_client(
        self, web: WebServer, verifier: TokenVerifier, idp: FakeIdp
    ) -> None:
        await verifier.verify(idp.token())
        assert web.asked[0].headers["authorization"].startswith("Basic bXVuaW1lbnQtYXBpOm")

    async def test_are_believed_for_some_seconds(
        self, verifier: TokenVerifier, idp: FakeIdp, clock: FixedClock
    ) -> None:
        claims = await verifier.verify(idp.token())
        assert claims.remembered_until == clock.now() + timedelta(seconds=10)

    async def test_are_never_believed_beyond_their_end(
        self, web: WebServer, verifier: TokenVerifier, idp: FakeIdp, clock: FixedClock
    ) -> None:
        soon = int(clock.now().timestamp()) + 3
        say(web, alive(idp, exp=soon))
        claims = await verifier.verify(idp.token())
        assert claims.remembered_until.timestamp() == soon

    async def test_of_a_token_that_tells_nothing_are_asked_for_too(
        self, verifier: TokenVerifier, idp: FakeIdp
    ) -> None:
        assert (await verifier.verify(OPAQUE)).subject == idp.claims({})["sub"]


class TestRefusals:
    @pytest.mark.parametrize(
        "told",
        [
            {"active": False},
            {"active": "true"},
            {"active": 1},
            {},
            {"active": False, "iss": ISSUER, "sub": "alice"},
        ],
    )
    async def test_of_what_is_not_alive(
        self, web: WebServer, verifier: TokenVerifier, idp: FakeIdp, told: dict[str, object]
    ) -> None:
        say(web, told)
        with structlog.testing.capture_logs() as logs, pytest.raises(InvalidTokenError):
            await verifier.verify(idp.token())
        assert [entry["reason"] for entry in logs] == ["inactive"]

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("iss", "https://evil.example", "issuer"),
            ("iss", ABSENT, "issuer"),
            ("aud", "other", "audience"),
            ("azp", "other-app-full", "client"),
            ("typ", "Refresh", "token_type"),
            ("exp", 1, "expired"),
        ],
    )
    async def test_of_what_breaks_a_rule_alive_or_not(
        self,
        web: WebServer,
        verifier: TokenVerifier,
        idp: FakeIdp,
        name: str,
        value: object,
        reason: str,
    ) -> None:
        say(web, {**alive(idp, **{name: value})})
        with structlog.testing.capture_logs() as logs, pytest.raises(InvalidTokenError):
            await verifier.verify(idp.token())
        assert [entry["reason"] for entry in logs] == [reason]

    @pytest.mark.parametrize("token", ["", "short", "x" * 3000, "sp ace" * 9, "a.b", "ä" * 30])
    async def test_of_what_is_no_token_ask_nobody(
        self, web: WebServer, verifier: TokenVerifier, token: str
    ) -> None:
        with pytest.raises(InvalidTokenError):
            await verifier.verify(token)
        assert web.asked == []

    async def test_of_a_forged_signature_ask_nobody(
        self, web: WebServer, verifier: TokenVerifier, idp: FakeIdp
    ) -> None:
        forged = idp.token()[:-8] + "AAAAAAAA"
        with pytest.raises(InvalidTokenError):
            await verifier.verify(forged)
        assert web.asked == []

    async def test_of_opaque_tokens_where_two_issuers_could_be_asked(
        self, web: WebServer, asking: TrustedIssuer, clock: FixedClock
    ) -> None:
        second = replace(asking, identifier="https://second.example")
        verifier = TokenVerifier(TrustedIssuers([asking, second]), clock)
        with pytest.raises(InvalidTokenError):
            await verifier.verify(OPAQUE)
        assert web.asked == []

    async def test_of_opaque_tokens_where_nobody_can_be_asked(
        self, trusted: TrustedIssuer, clock: FixedClock
    ) -> None:
        with pytest.raises(InvalidTokenError):
            await TokenVerifier(TrustedIssuers([trusted]), clock).verify(OPAQUE)


class TestOutages:
    @pytest.mark.parametrize(
        ("told", "reason"),
        [
            (answer(b"", 401), "status_401"),
            (answer(b"", 500), "status_500"),
            (answer(b"<html>"), "not_json"),
            (answer(b'{"active": true, "active": false}'), "not_json"),
            (b"nonsense\r\n\r\n", "answer_malformed"),
            (answer(b" " * 2_000_000), "too_large"),
        ],
    )
    async def test_are_nobodys_bad_token(
        self, web: WebServer, verifier: TokenVerifier, idp: FakeIdp, told: bytes, reason: str
    ) -> None:
        web.answers[ASK] = told
        with structlog.testing.capture_logs() as logs, pytest.raises(ProviderUnavailableError):
            await verifier.verify(idp.token())
        assert [entry["reason"] for entry in logs] == [reason]
        assert "hunter2" not in str(logs)
