import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from muniment.app.request_heads import MAX_HEAD_BYTES, MAX_TARGET_BYTES, BoundedHeads
from tests.support.http_server import PATIENCE_S, http_server, say

HEAD = b"GET /notes HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
CHUNKED = b"POST /notes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the host that was asked and the length of the body."""
    if scope["type"] == "http":
        request = Request(scope, receive)
        told = f"{request.headers.getlist('host')} {len(await request.body())}"
        await PlainTextResponse(told)(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with http_server(tell) as port:
        yield port


def problem_of(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    problem: dict[str, object] = json.loads(body)
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith(f"http/1.1 {problem['status']} ")
    assert "content-type: application/problem+json" in lines
    assert "connection: close" in lines
    assert "cache-control: no-store" in lines
    assert f"x-request-id: {problem['request_id']}" in lines
    return problem


class TestTarget:
    async def test_of_the_largest_size_is_answered(self, port: int) -> None:
        target = b"/?" + b"a" * (MAX_TARGET_BYTES - 2)
        answer = await say(port, HEAD.replace(b"/notes", target) + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize("size", [MAX_TARGET_BYTES + 1, 60_000, 70_000])
    async def test_that_is_longer_is_refused(self, port: int, size: int) -> None:
        answer = await say(port, HEAD.replace(b"/notes", b"/" + b"a" * (size - 1)) + b"\r\n")
        assert problem_of(answer)["code"] == "target_too_long"

    async def test_without_an_end_is_refused(self, port: int) -> None:
        answer = await say(port, b"GET /", *[b"a" * 4096] * 8, b"a")
        assert problem_of(answer)["code"] == "target_too_long"

    async def test_with_a_host_of_its_own_says_the_host(self, port: int) -> None:
        whole = b"http://evil.example:81/notes"
        answer = await say(port, HEAD.replace(b"/notes", whole) + b"\r\n")
        assert answer.endswith(b"['evil.example:81'] 0")
        whole = b"http://user@[::1]/notes"
        answer = await say(port, HEAD.replace(b"/notes", whole) + b"\r\n")
        assert answer.endswith(b"['[::1]'] 0")

    async def test_of_the_server_as_a_whole_keeps_the_host(self, port: int) -> None:
        answer = await say(port, HEAD.replace(b"GET /notes", b"OPTIONS *") + b"\r\n")
        assert answer.endswith(b"['127.0.0.1'] 0")


class TestHeaders:
    async def test_as_large_as_two_tokens_are_answered(self, port: int) -> None:
        cookie = b"Cookie: " + b"a" * (MAX_HEAD_BYTES - 200) + b"\r\n"
        answer = await say(port, HEAD + cookie + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")

    async def test_that_are_larger_are_refused(self, port: int) -> None:
        one = b"Cookie: " + b"a" * MAX_HEAD_BYTES + b"\r\n"
        assert problem_of(await say(port, HEAD + one + b"\r\n"))["code"] == "head_too_large"
        many = b"a: b\r\n" * 6000 + b"\r\n"
        assert problem_of(await say(port, HEAD + many))["code"] == "head_too_large"

    async def test_in_small_parts_are_counted_together(self, port: int) -> None:
        parts = [b"Cookie: ", *[b"a" * 4096] * 8]
        assert problem_of(await say(port, HEAD, *parts))["code"] == "head_too_large"

    async def test_behind_a_body_are_counted_too(self, port: int) -> None:
        trailers = [b"a: " + b"b" * 2043 + b"\r\n"] * 16
        answer = await say(port, CHUNKED, b"1\r\na\r\n0\r\n", *trailers, b"a: b\r\n")
        assert answer == b""

    async def test_that_were_large_once_do_not_spoil_the_next(self, port: int) -> None:
        cookie = {"Cookie": "a" * (MAX_HEAD_BYTES - 400)}
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(3):
                assert (await client.get("/notes", headers=cookie)).status_code == 200
                large = await client.post("/notes", content=b"a" * 500_000, headers=cookie)
                assert large.text.endswith(" 500000")

    async def test_leave_room_for_bodies_in_many_parts(self, port: int) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"a" * 5000
                await asyncio.sleep(0)

        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.post("/notes", content=parts())).text.endswith(" 100000")


class TestPatience:
    async def test_ends_for_a_head_without_an_end(
        self, port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BoundedHeads, "patience_s", 0.1)
        async with asyncio.timeout(PATIENCE_S):
            assert await say(port, b"") == b""
            assert await say(port, HEAD) == b""
            kept = HEAD.replace(b"Connection: close\r\n", b"") + b"\r\n"
            answered = await say(port, kept + b"GET /slow")
        assert answered.startswith(b"HTTP/1.1 200 ")

    async def test_lasts_while_a_body_comes(
        self, port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(BoundedHeads, "patience_s", 0.1)

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(3):
                await asyncio.sleep(0.1)
                yield b"a"

        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.post("/notes", content=parts())).text.endswith(" 3")


class TestWhatIsNoRequest:
    @pytest.mark.parametrize(
        "sent",
        [
            b"garbage\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
            CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n"),
        ],
    )
    async def test_is_answered_with_a_problem(self, port: int, sent: bytes) -> None:
        assert problem_of(await say(port, sent))["code"] == "malformed_request"


class TestLog:
    @pytest.mark.parametrize(
        "sent",
        [
            b"GET /?marker=" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            HEAD + b"Authorization: Bearer marker" + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
            b"marker marker\r\n\r\n",
        ],
    )
    async def test_says_what_was_refused_and_nothing_of_it(
        self, port: int, sent: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        with capture_logs() as entries:
            answer = await say(port, sent)
        problem = problem_of(answer)
        (entry,) = [each for each in entries if each["event"] == "request_head_refused"]
        assert (entry["code"], entry["request_id"]) == (problem["code"], problem["request_id"])
        assert "marker" not in f"{answer!r} {entries} {caplog.text}"
