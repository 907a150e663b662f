import re
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from muniment.app.settings import Settings
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
        assert entries[0]["status"] == 200
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


def _small() -> Settings:
    return Settings.model_validate({"server": {"max_json_bytes": 1024}})
