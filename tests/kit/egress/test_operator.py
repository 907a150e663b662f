import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.operator import OperatorClient, OperatorRequest, origin_of
from tests.support.web_server import WebServer, answer, redirect, web_server

BRIEFLY = timedelta(milliseconds=300)


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with web_server() as serving:
        yield serving


@pytest.fixture
async def client(web: WebServer) -> AsyncIterator[OperatorClient]:
    async with OperatorClient([web.url()], timeout=BRIEFLY) as opened:
        yield opened


async def refusal(client: OperatorClient, url: str, max_bytes: int = 1000) -> str:
    with pytest.raises(EgressError) as caught:
        await client.ask(OperatorRequest(url), max_bytes=max_bytes)
    return caught.value.code


class TestOrigins:
    @pytest.mark.parametrize(
        ("url", "origin"),
        [
            ("https://sso.example.com/realms/a", "https://sso.example.com"),
            ("https://SSO.example.com:443/x?y#z", "https://sso.example.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ],
    )
    def test_have_one_spelling(self, url: str, origin: str) -> None:
        assert origin_of(url) == origin

    @pytest.mark.parametrize("url", ["", "sso.example.com", "file:///etc/passwd", "/path"])
    def test_are_of_the_web(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            origin_of(url)


class TestAsking:
    async def test_gives_the_answer_whole_whatever_its_status(
        self, web: WebServer, client: OperatorClient
    ) -> None:
        web.answers["/a"] = answer(b'{"x": 1}', 401, {"Content-Type": "application/json"})
        got = await client.ask(OperatorRequest(web.url("/a")))
        assert (got.status, got.content_type, got.body) == (401, "application/json", b'{"x": 1}')

    async def test_posts_a_form_with_its_headers(
        self, web: WebServer, client: OperatorClient
    ) -> None:
        await client.ask(OperatorRequest(web.url("/t"), {"code": "a b"}, {"Authorization": "x"}))
        asked = web.asked[0].headers
        assert asked["content-type"] == "application/x-www-form-urlencoded"
        assert asked["authorization"] == "x"

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.2:{port}/",
            "http://localhost:{port}/",
            "https://127.0.0.1:{port}/",
            "http://127.0.0.1/",
            "http://127.0.0.1:{port}@evil.example/",
            "http://evil.example/?http://127.0.0.1:{port}/",
            "file:///etc/passwd",
            "not an address",
        ],
    )
    async def test_asks_no_other_origin(
        self, web: WebServer, client: OperatorClient, url: str
    ) -> None:
        assert await refusal(client, url.format(port=web.port)) == "origin_refused"
        assert web.asked == []

    async def test_follows_no_redirect(self, web: WebServer, client: OperatorClient) -> None:
        web.answers["/a"] = redirect(web.url("/b"))
        assert (await client.ask(OperatorRequest(web.url("/a")))).status == 302
        assert web.paths() == ["/a"]

    async def test_ends_with_what_is_too_large(
        self, web: WebServer, client: OperatorClient
    ) -> None:
        web.answers["/a"] = answer(b"x" * 1001)
        assert await refusal(client, web.url("/a")) == "too_large"

    async def test_ends_with_who_is_silent(self, web: WebServer, client: OperatorClient) -> None:
        web.answers["/a"] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1"
        web.silent.add("/a")
        assert await refusal(client, web.url("/a")) == "timed_out"

    async def test_tells_of_a_server_that_is_away(
        self, web: WebServer, client: OperatorClient
    ) -> None:
        async with OperatorClient(["http://127.0.0.1:1"], timeout=BRIEFLY) as nobody:
            assert await refusal(nobody, "http://127.0.0.1:1/") == "unreachable"

    async def test_tells_of_a_broken_answer(self, web: WebServer, client: OperatorClient) -> None:
        web.answers["/a"] = b"nonsense\r\n\r\n"
        assert await refusal(client, web.url("/a")) == "answer_malformed"

    async def test_takes_no_proxy_from_its_surroundings(
        self, web: WebServer, client: OperatorClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        web.answers["/a"] = answer(b"ok")
        assert (await client.ask(OperatorRequest(web.url("/a")))).body == b"ok"

    async def test_opens_again_after_it_was_closed(
        self, web: WebServer, client: OperatorClient
    ) -> None:
        web.answers["/a"] = answer(b"ok")
        await client.ask(OperatorRequest(web.url("/a")))
        await client.close()
        asked = [client.ask(OperatorRequest(web.url("/a"))) for _ in range(3)]
        assert [one.status for one in await asyncio.gather(*asked)] == [200] * 3
