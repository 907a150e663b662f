import httpx2
import pytest

from muniment.app.settings import Settings
from tests.support.demo_app import KNOWN, create_demo_app
from tests.support.problem_walk import client_of

GOOD = "https://good.example"
NOTE = f"/api/v1/notes/{KNOWN}"
ASKED = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
OTHERS = [
    *("https://evil.example", "null", "https://good.example.evil", "https://sub.good.example"),
    *("http://good.example", "https://good.example:8443", "https://good.example/", "", "*"),
    *("https://good.example, https://evil.example", "https://evilgood.example", "good.example"),
    "HTTPS://GOOD.EXAMPLE",
]


def settings_with(*origins: str) -> Settings:
    return Settings.model_validate({"server": {"cors_origins": origins}})


async def ask(
    verb: str, path: str, *origins: str, settings: Settings, **headers: str
) -> httpx2.Response:
    """Ask with these headers `Origin`, one or several."""
    sent = [*(("Origin", origin) for origin in origins), *headers.items()]
    async with client_of(create_demo_app(settings)) as client:
        return await client.request(verb, path, headers=sent)


def told(response: httpx2.Response) -> list[str]:
    return [name for name in response.headers if name.startswith("access-control-")]


class TestAnswers:
    @pytest.mark.parametrize("path", [NOTE, "/no/such/path", "/docs", "/api/v1/trouble/secret"])
    async def test_a_named_origin_may_read_them_without_cookies(self, path: str) -> None:
        response = await ask("GET", path, GOOD, settings=settings_with(GOOD), Cookie="a=b")
        assert response.headers["access-control-allow-origin"] == GOOD
        assert response.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in response.headers

    @pytest.mark.parametrize("origin", OTHERS)
    async def test_others_may_not(self, origin: str) -> None:
        response = await ask("GET", NOTE, origin, settings=settings_with(GOOD))
        assert response.status_code == 200
        assert told(response) == []
        assert response.headers["vary"] == "Origin"

    async def test_two_origins_are_nobody(self) -> None:
        response = await ask("GET", NOTE, GOOD, GOOD, settings=settings_with(GOOD))
        assert told(response) == []

    async def test_without_an_origin_they_vary_too(self) -> None:
        response = await ask("GET", NOTE, settings=settings_with(GOOD))
        assert response.headers["vary"] == "Origin"
        assert told(response) == []

    async def test_a_refusal_at_the_gate_can_be_read(self) -> None:
        response = await ask("GET", NOTE, GOOD, settings=settings_with(GOOD), Host="evil.example")
        assert response.status_code == 400
        assert response.headers["access-control-allow-origin"] == GOOD

    async def test_by_default_nobody_may(self) -> None:
        response = await ask("GET", NOTE, GOOD, settings=Settings())
        assert told(response) == []
        assert "vary" not in response.headers


class TestPreflight:
    async def test_of_a_named_origin_is_answered_without_a_token(self) -> None:
        response = await ask("OPTIONS", NOTE, GOOD, settings=settings_with(GOOD), **ASKED)
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["access-control-allow-origin"] == GOOD
        assert "PUT" in response.headers["access-control-allow-methods"]
        assert "Authorization" in response.headers["access-control-allow-headers"]
        assert "*" not in response.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in response.headers
        assert response.headers["vary"] == "Origin"
        assert response.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("origin", OTHERS)
    async def test_of_others_is_answered_as_if_there_were_none(self, origin: str) -> None:
        response = await ask("OPTIONS", NOTE, origin, settings=settings_with(GOOD), **ASKED)
        assert response.status_code == 405
        assert told(response) == []

    async def test_without_a_verb_is_an_ordinary_request(self) -> None:
        response = await ask("OPTIONS", NOTE, GOOD, settings=settings_with(GOOD))
        assert response.status_code == 405


class TestOrigins:
    def test_are_written_as_browsers_send_them(self) -> None:
        settings = settings_with("https://App.Example:443", "http://a:80", "http://[::1]:3000")
        assert settings.server.cors_origins == (
            "https://app.example",
            "http://a",
            "http://[::1]:3000",
        )

    @pytest.mark.parametrize(
        "origin",
        ["*", "null", "https://*.example", "app.example", "https://a/", "https://a/b", "file://a"],
    )
    def test_what_is_none_is_refused(self, origin: str) -> None:
        with pytest.raises(ValueError, match="cors_origins"):
            settings_with(origin)
