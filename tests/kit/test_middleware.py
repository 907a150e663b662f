import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from muniment.app.settings import Settings
from muniment.kit.http_metrics import HttpMetrics
from muniment.kit.middleware import (
    BODY_LIMIT_KEY,
    BodyLimitMiddleware,
    ErrorBoundaryMiddleware,
    ObservationMiddleware,
    RequestIdMiddleware,
    SecurityHeadersMiddleware,
)
from muniment.kit.problems import REQUEST_ID_KEY
from muniment.kit.route_templates import RouteTemplates
from tests.support.demo_app import KNOWN, create_demo_app
from tests.support.problem_walk import assert_problem, client_of

NOTE = f"/api/v1/notes/{KNOWN}"


class TestRequestId:
    async def test_a_sane_one_is_kept(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.get(NOTE, headers={"X-Request-ID": "trace-7:a.b_c"})
        assert response.headers["x-request-id"] == "trace-7:a.b_c"

    @pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "<script>"])
    async def test_a_strange_one_is_replaced(self, given: str) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.get(NOTE, headers={"X-Request-ID": given})
        assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


class TestObservation:
    async def test_one_line_per_request_without_ids_or_query(self) -> None:
        async with client_of(create_demo_app()) as client:
            with capture_logs() as entries:
                await client.get(NOTE, params={"token": "hunter2"})
        assert [entry["event"] for entry in entries] == ["request"]
        assert entries[0]["route"] == "/api/v1/notes/{note_id}"
        assert entries[0]["status"] == 422
        assert entries[0]["duration_ms"] > 0
        assert "hunter2" not in str(entries)
        assert str(KNOWN) not in str(entries)

    async def test_labels_are_bounded(self) -> None:
        registry = CollectorRegistry()
        async with client_of(create_demo_app(registry=registry)) as client:
            await client.get(NOTE)
            for number in range(3):
                await client.get(f"/scan/{number}")
                await client.request(f"VERB{number}", "/healthz")
        text = generate_latest(registry).decode()
        assert 'method="GET",route="/api/v1/notes/{note_id}",status="200"} 1.0' in text
        assert 'method="GET",route="unmatched",status="404"} 3.0' in text
        assert 'method="OTHER",route="/healthz",status="405"} 3.0' in text
        assert str(KNOWN) not in text

    async def test_an_answer_that_breaks_midway_is_logged_with_its_cause(self) -> None:
        async with client_of(create_demo_app()) as client:
            with capture_logs() as entries:
                response = await client.get("/api/v1/trouble/stream")
        assert response.text.startswith("first")
        assert {"request_broke", "request"} <= {entry["event"] for entry in entries}


class TestSecurityHeaders:
    async def test_data_is_neither_cached_nor_framed(self) -> None:
        async with client_of(create_demo_app()) as client:
            for path in (NOTE, "/nope", "/api/v1/trouble/secret"):
                headers = (await client.get(path)).headers
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["cache-control"] == "no-store"
                assert headers["referrer-policy"] == "no-referrer"
                assert "frame-ancestors 'none'" in headers["content-security-policy"]

    async def test_a_page_keeps_its_own_policy(self) -> None:
        async with client_of(create_demo_app()) as client:
            headers = (await client.get("/docs")).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-cache"
        assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]


class TestBodyLimit:
    async def test_an_announced_body_is_refused_unread(self) -> None:
        async with client_of(create_demo_app(_small())) as client:
            response = await client.post("/api/v1/notes", json={"title": "x" * 2000})
        assert assert_problem(response, 413)["code"] == "content_too_large"

    async def test_an_unannounced_body_is_counted(self) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 100

        async with client_of(create_demo_app(_small())) as client:
            response = await client.post(
                "/api/v1/notes",
                content=parts(),
                headers={"Content-Type": "application/json"},
            )
        assert_problem(response, 413)

    async def test_a_route_may_take_more(self) -> None:
        async with client_of(create_demo_app(_small())) as client:
            taken = await client.post("/api/v1/trouble/upload", content=b"x" * 4096)
            refused = await client.post("/api/v1/trouble/upload", content=b"x" * 4097)
        assert taken.json() == {"bytes": 4096}
        assert_problem(refused, 413)


Headers = Sequence[tuple[bytes, bytes]]


def scope_of(verb: str = "POST", headers: Headers = (), kind: str = "http") -> Scope:
    return {"type": kind, "method": verb, "path": "/", "headers": list(headers)}


async def run(app: ASGIApp, scope: Scope, *messages: Message) -> list[Message]:
    """Send a request to an application and give what it sent; it reads the messages in turn."""
    incoming = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def part(size: int, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def answer_ok(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body to its end, and answer with nothing."""
    while (await receive()).get("more_body"):
        pass
    await answer_ok(scope, receive, send)


def header_of(message: Message) -> Mapping[bytes, bytes]:
    return dict(message["headers"])


class TestRequestIdAlone:
    async def test_names_request_answer_and_log_alike(self) -> None:
        bound: dict[str, object] = {}

        async def look(scope: Scope, receive: Receive, send: Send) -> None:
            bound.update(structlog.contextvars.get_contextvars(), scope_id=scope[REQUEST_ID_KEY])
            await answer_ok(scope, receive, send)

        structlog.contextvars.bind_contextvars(user="the one before")
        (start, _) = await run(RequestIdMiddleware(look), scope_of())
        name = header_of(start)[b"x-request-id"].decode()
        assert bound == {"request_id": name, "scope_id": name}

    async def test_the_first_sane_name_counts(self) -> None:
        given = [(b"x-request-id", b"a b"), (b"x-request-id", b"a-1"), (b"x-request-id", b"a-2")]
        (start, _) = await run(RequestIdMiddleware(answer_ok), scope_of(headers=given))
        assert header_of(start)[b"x-request-id"] == b"a-1"


class TestObservationAlone:
    async def test_a_request_that_broke_off_before_its_answer_is_told_apart(self) -> None:
        async def vanish(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise asyncio.CancelledError

        registry = CollectorRegistry()
        watched = ObservationMiddleware(
            vanish, metrics=HttpMetrics(registry), templates=RouteTemplates()
        )
        with capture_logs() as entries, pytest.raises(asyncio.CancelledError):
            await run(watched, scope_of("GET"))
        assert [(entry["event"], entry["status"]) for entry in entries] == [("request", 499)]
        labels = {"method": "GET", "route": "unmatched", "status": "499"}
        assert registry.get_sample_value("muniment_http_requests_total", labels) == 1


class TestSecurityHeadersAlone:
    async def test_an_answer_of_its_own_mind_keeps_it_whatever_the_case(self) -> None:
        async def own(_scope: Scope, _receive: Receive, send: Send) -> None:
            headers = [(b"Cache-Control", b"private"), (b"x-y", b"z")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body"})

        secured = SecurityHeadersMiddleware(
            own, headers={"cache-CONTROL": "no-store", "Referrer-Policy": "no-referrer"}
        )
        start, body = await run(secured, scope_of())
        assert start["headers"] == [
            (b"Cache-Control", b"private"),
            (b"x-y", b"z"),
            (b"referrer-policy", b"no-referrer"),
        ]
        assert body == {"type": "http.response.body"}


class TestBodyLimitAlone:
    @pytest.mark.parametrize("announced", [b"100", b"0", b"-1", b"abc", b"1e9", b"", b" 100"])
    async def test_what_arrives_counts_not_what_is_announced(self, announced: bytes) -> None:
        app = BodyLimitMiddleware(read_all, max_bytes=100)
        scope = scope_of(headers=[(b"content-length", announced)])
        assert len(await run(app, scope, part(60, more=True), part(40))) == 2
        with pytest.raises(HTTPException) as caught:
            await run(app, scope, part(60, more=True), part(41))
        assert caught.value.status_code == 413

    async def test_an_announced_excess_is_refused_before_a_byte_is_taken(self) -> None:
        app = BodyLimitMiddleware(read_all, max_bytes=100)
        with pytest.raises(HTTPException) as caught:
            await run(app, scope_of(headers=[(b"content-length", b"101")]))
        assert caught.value.status_code == 413

    async def test_a_limit_may_be_raised_before_the_body_is_read(self) -> None:
        async def raise_it(scope: Scope, receive: Receive, send: Send) -> None:
            scope[BODY_LIMIT_KEY] = 200
            await read_all(scope, receive, send)

        app = BodyLimitMiddleware(raise_it, max_bytes=100)
        scope = scope_of(headers=[(b"content-length", b"200")])
        assert len(await run(app, scope, part(200))) == 2
        with pytest.raises(HTTPException):
            await run(app, scope, part(201))

    @pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS"])
    async def test_a_body_that_nobody_reads_has_none(self, verb: str) -> None:
        app = BodyLimitMiddleware(answer_ok, max_bytes=1)
        assert len(await run(app, scope_of(verb, [(b"content-length", b"9")]))) == 2

    async def test_a_client_that_leaves_is_passed_on(self) -> None:
        app = BodyLimitMiddleware(read_all, max_bytes=1)
        assert len(await run(app, scope_of(), {"type": "http.disconnect"})) == 2


class TestErrorBoundary:
    async def test_answers_for_a_request_that_broke(self) -> None:
        async def break_down(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise RuntimeError("hunter2")

        named = {**scope_of(), REQUEST_ID_KEY: "r-1"}
        start, body = await run(ErrorBoundaryMiddleware(break_down), named)
        assert start["status"] == 500
        problem = json.loads(body["body"])
        assert (problem["code"], problem["request_id"]) == ("internal_error", "r-1")
        assert b"hunter2" not in body["body"]

    async def test_cannot_answer_twice(self) -> None:
        async def break_later(scope: Scope, receive: Receive, send: Send) -> None:
            await answer_ok(scope, receive, send)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await run(ErrorBoundaryMiddleware(break_later), scope_of())

    async def test_a_cancelled_request_is_no_failure(self) -> None:
        async def stop(_scope: Scope, _receive: Receive, _send: Send) -> None:
            raise asyncio.CancelledError

        with capture_logs() as entries, pytest.raises(asyncio.CancelledError):
            await run(ErrorBoundaryMiddleware(stop), scope_of())
        assert entries == []


class TestOtherProtocols:
    @pytest.mark.parametrize("kind", ["lifespan", "websocket"])
    async def test_pass_all_of_them_untouched(self, kind: str) -> None:
        seen: list[tuple[Scope, Receive, Send]] = []

        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope, receive, send))

        async def receive() -> Message:
            return {}

        async def send(message: Message) -> None:
            pass

        registry = CollectorRegistry()
        scope = scope_of(kind=kind)
        for app in (
            RequestIdMiddleware(inner),
            ObservationMiddleware(inner, metrics=HttpMetrics(registry), templates=RouteTemplates()),
            SecurityHeadersMiddleware(inner, headers={"a": "b"}),
            BodyLimitMiddleware(inner, max_bytes=1),
            ErrorBoundaryMiddleware(inner),
        ):
            await app(scope, receive, send)
        assert seen == [(scope_of(kind=kind), receive, send)] * 5


def _small() -> Settings:
    return Settings.model_validate({"server": {"max_json_bytes": 1024}})
