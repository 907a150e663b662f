import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import structlog

from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.provider import MAX_AGE, PAUSE, WELL_KNOWN, Provider
from muniment.identity.settings import IssuerSettings
from muniment.kit.egress.operator import OperatorClient
from tests.support.fixed_clock import FixedClock
from tests.support.web_server import WebServer, answer, web_server

REALM = "/realms/muniment"


def describe(web: WebServer, **changes: object) -> None:
    """Let the server describe itself as Keycloak does, with these changes."""
    issuer = web.url(REALM)
    told = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/certs",
        "token_endpoint": f"{issuer}/token",
        "authorization_response_iss_parameter_supported": True,
        "grant_types_supported": ["authorization_code"],
        **changes,
    }
    web.answers[REALM + WELL_KNOWN] = answer(json.dumps(told).encode())


def settings_for(web: WebServer, **more: object) -> IssuerSettings:
    given = {"issuer": web.url(REALM), "audience": "a", "clients": ["c"], "tenant": "t", **more}
    return IssuerSettings.model_validate(given)


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with web_server() as serving:
        describe(serving)
        yield serving


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def provider(web: WebServer, clock: FixedClock) -> AsyncIterator[Provider]:
    settings = settings_for(web)
    async with OperatorClient(settings.all_origins) as client:
        yield Provider(settings, client, clock)


class TestMetadata:
    async def test_tells_the_endpoints(self, web: WebServer, provider: Provider) -> None:
        metadata = await provider.metadata()
        assert metadata.jwks_uri == web.url(f"{REALM}/certs")
        assert metadata.token_endpoint == web.url(f"{REALM}/token")
        assert metadata.end_session_endpoint is None
        assert metadata.names_itself

    async def test_is_fetched_once_for_all_who_ask(
        self, web: WebServer, provider: Provider
    ) -> None:
        await asyncio.gather(*(provider.metadata() for _ in range(20)))
        assert len(web.asked) == 1

    async def test_is_fetched_again_after_a_while(
        self, web: WebServer, provider: Provider, clock: FixedClock
    ) -> None:
        await provider.metadata()
        clock.advance(MAX_AGE)
        describe(web, token_endpoint=web.url("/new"))
        assert (await provider.metadata()).token_endpoint == web.url("/new")

    async def test_serves_on_while_the_provider_is_away(
        self, web: WebServer, provider: Provider, clock: FixedClock
    ) -> None:
        known = await provider.metadata()
        clock.advance(MAX_AGE)
        web.answers.clear()
        assert await provider.metadata() == known

    async def test_leaves_a_provider_alone_that_failed(
        self, web: WebServer, provider: Provider, clock: FixedClock
    ) -> None:
        web.answers.clear()
        for _ in range(5):
            with pytest.raises(ProviderUnavailableError):
                await provider.metadata()
        assert len(web.asked) == 1
        describe(web)
        clock.advance(PAUSE)
        assert (await provider.metadata()).jwks_uri

    @pytest.mark.parametrize(
        "changes",
        [
            {"issuer": "https://evil.example"},
            {"issuer": None},
            {"issuer": ["http://127.0.0.1"]},
            {"jwks_uri": None},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": "http://sso.example.com/certs"},
            {"token_endpoint": "javascript:alert(1)"},
            {"token_endpoint": 7},
        ],
    )
    async def test_is_not_believed_when_it_is_not_as_it_must_be(
        self, web: WebServer, provider: Provider, changes: dict[str, object]
    ) -> None:
        describe(web, **changes)
        with structlog.testing.capture_logs() as logs, pytest.raises(ProviderUnavailableError):
            await provider.metadata()
        assert [entry["reason"] for entry in logs] == ["not_as_it_must_be"]

    @pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"{" * 100_000, b"x" * 300_000])
    async def test_is_an_object_of_bounded_size(
        self, web: WebServer, provider: Provider, body: bytes
    ) -> None:
        web.answers[REALM + WELL_KNOWN] = answer(body)
        with pytest.raises(ProviderUnavailableError):
            await provider.metadata()

    async def test_tells_a_caller_to_keep_the_credential(
        self, web: WebServer, provider: Provider
    ) -> None:
        web.answers.clear()
        with pytest.raises(ProviderUnavailableError) as caught:
            await provider.metadata()
        assert caught.value.status == 503
        assert caught.value.headers["Retry-After"] == str(int(PAUSE / timedelta(seconds=1)))


class TestOrigins:
    def test_are_those_of_the_settings(self, web: WebServer) -> None:
        settings = settings_for(
            web,
            jwks_uri="https://keys.example.com/x",
            origins=["https://login.example.com"],
            introspection={
                "client_id": "a",
                "client_secret": "s",
                "endpoint": "https://ask.example.com/i",
            },
        )
        assert settings.all_origins == {
            web.url(REALM),
            "https://keys.example.com/x",
            "https://login.example.com",
            "https://ask.example.com/i",
        }
