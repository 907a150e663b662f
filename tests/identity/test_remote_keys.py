import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest
import structlog

from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.remote_keys import BURST, EVERY, MAX_STALENESS, RemoteKeySource
from muniment.kit.egress.operator import OperatorClient
from tests.support.fake_idp import FakeIdp, kid_of
from tests.support.fixed_clock import FixedClock
from tests.support.web_server import WebServer, answer, redirect, web_server

CERTS = "/certs"
KNOWN, NEW = kid_of("RS256"), kid_of("ES256")


def publish(web: WebServer, idp: FakeIdp, *kids: str) -> None:
    keys = [jwk for jwk in idp.jwks() if jwk["kid"] in kids]
    web.answers[CERTS] = answer(json.dumps({"keys": keys}).encode())


@pytest.fixture
def passing() -> FixedClock:
    """A clock that a test may move; that of the provider is everybody's."""
    return FixedClock()


@pytest.fixture
async def web(idp: FakeIdp) -> AsyncIterator[WebServer]:
    async with web_server() as serving:
        publish(serving, idp, KNOWN)
        yield serving


@pytest.fixture
async def keys(web: WebServer, passing: FixedClock) -> AsyncIterator[RemoteKeySource]:
    async def find_uri() -> str:
        return web.url(CERTS)

    async with OperatorClient([web.url()], timeout=timedelta(milliseconds=300)) as client:
        yield RemoteKeySource("https://sso.example.com", find_uri, client, passing)


async def fetch_beside(keys: RemoteKeySource) -> None:
    """Let the fetching beside the requests do its first round."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await keys.keep_fresh()


class TestFinding:
    async def test_fetches_the_keys_when_first_asked(
        self, web: WebServer, keys: RemoteKeySource
    ) -> None:
        found = [await keys.find(KNOWN) for _ in range(3)]
        assert all(key is not None and key.kid == KNOWN for key in found)
        assert web.paths() == [CERTS]

    async def test_finds_a_new_key_at_its_first_token(
        self, web: WebServer, keys: RemoteKeySource, idp: FakeIdp
    ) -> None:
        await keys.find(KNOWN)
        publish(web, idp, KNOWN, NEW)
        assert await keys.find(NEW) is not None

    async def test_shares_one_fetch_among_all_who_wait(
        self, web: WebServer, keys: RemoteKeySource, idp: FakeIdp
    ) -> None:
        await keys.find(KNOWN)
        publish(web, idp, KNOWN, NEW)
        found = await asyncio.gather(*(keys.find(NEW) for _ in range(50)))
        assert None not in found
        assert len(web.asked) == 2

    async def test_fetches_seldom_for_what_anybody_can_make_up(
        self, web: WebServer, keys: RemoteKeySource, passing: FixedClock
    ) -> None:
        for number in range(2_000):
            assert await keys.find(f"made-up-{number}") is None
        assert len(web.asked) == BURST
        passing.advance(EVERY)
        for number in range(100):
            await keys.find(f"made-up-{number}")
        assert len(web.asked) == BURST + 1

    async def test_asks_nobody_for_a_key_it_knows_while_strangers_knock(
        self, web: WebServer, keys: RemoteKeySource
    ) -> None:
        await keys.find(KNOWN)
        web.silent.add(CERTS)
        web.answers[CERTS] = b""
        async with asyncio.TaskGroup() as group:
            stranger = group.create_task(keys.find("made-up"))
            await asyncio.sleep(0)
            assert await keys.find(KNOWN) is not None
            assert not stranger.done()

    async def test_lets_a_withdrawn_key_go_at_the_next_round(
        self, web: WebServer, keys: RemoteKeySource, idp: FakeIdp
    ) -> None:
        await keys.find(KNOWN)
        publish(web, idp, NEW)
        await fetch_beside(keys)
        assert await keys.find(KNOWN) is None
        assert await keys.find(NEW) is not None


class TestOutages:
    @pytest.mark.parametrize(
        "told",
        [
            answer(b"oops", 500),
            redirect("http://127.0.0.1:1/"),
            answer(b"x" * 10_000_000),
            answer(b"<html>"),
            answer(b"{}"),
            answer(b'{"keys": []}'),
            answer(b'{"keys": {}}'),
            answer(b'{"keys": [1, null, {"kty": "oct", "k": "AA"}]}'),
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        ],
        ids=[
            "an error", "a redirect", "ten megabytes", "a page", "no keys", "an empty set",
            "no list", "no usable key", "a broken answer",
        ],
    )  # fmt: skip
    async def test_leave_the_keys_that_were_there(
        self, web: WebServer, keys: RemoteKeySource, told: bytes
    ) -> None:
        await keys.find(KNOWN)
        web.answers[CERTS] = told
        await fetch_beside(keys)
        assert await keys.find(KNOWN) is not None

    async def test_end_the_trust_in_old_keys_after_a_day(
        self, web: WebServer, keys: RemoteKeySource, passing: FixedClock
    ) -> None:
        await keys.find(KNOWN)
        web.answers.clear()
        passing.advance(MAX_STALENESS)
        assert await keys.find(KNOWN) is not None
        passing.advance(timedelta(seconds=1))
        with pytest.raises(ProviderUnavailableError):
            await keys.find(KNOWN)

    async def test_are_nobodys_bad_token(self, web: WebServer, keys: RemoteKeySource) -> None:
        web.answers.clear()
        with structlog.testing.capture_logs() as logs, pytest.raises(ProviderUnavailableError):
            await keys.find(KNOWN)
        assert logs[0]["reason"] == "http_error"

    async def test_end_by_themselves(
        self, web: WebServer, keys: RemoteKeySource, idp: FakeIdp
    ) -> None:
        web.answers.clear()
        with pytest.raises(ProviderUnavailableError):
            await keys.find(KNOWN)
        publish(web, idp, KNOWN)
        assert await keys.find(KNOWN) is not None
