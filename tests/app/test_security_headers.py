from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from muniment.app.settings import Settings
from muniment.kit.cors import READABLE_HEADERS, SENDABLE_HEADERS
from tests.support.callers import ADMIN, MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.demo_app import create_demo_app
from tests.support.problem_walk import client_of, walk_routes
from tests.support.whole_product import WholeProduct, whole_product

KEPT_BY_BROWSERS = frozenset({"/docs", "/docs/page.css", "/docs/page.js"})
"""Ours, the same for everybody, and asked again each time."""


def assert_secured(response: httpx2.Response) -> None:
    headers, where = response.headers, f"{response.request.method} {response.request.url.path}"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy, where
    assert "frame-ancestors 'none'" in policy, where
    assert "unsafe" not in policy, where
    assert headers["x-content-type-options"] == "nosniff", where
    assert headers["x-frame-options"] == "DENY", where
    assert headers["referrer-policy"] == "no-referrer", where
    assert headers["cross-origin-resource-policy"] == "same-origin", where
    is_kept = response.request.url.path in KEPT_BY_BROWSERS and response.is_success
    assert headers["cache-control"] == ("no-cache" if is_kept else "no-store"), where
    assert "server" not in headers, where
    assert "set-cookie" not in headers, where


async def seen_everywhere(product: WholeProduct, caller: CallerSpec | None) -> list[int]:
    """Ask every route, found or not, and look at the headers of the answer; give the statuses."""
    statuses = []
    async with product.client(caller) as client:
        for route in walk_routes(product.api):
            for value in (str(UUID(int=1)), "x"):
                response = await client.request(min(route.methods), route.address(value))
                assert_secured(response)
                statuses.append(response.status_code)
        for path in ("/no/such/path", "/api/v1/no-such-path"):
            assert_secured(await client.get(path))
    return statuses


class TestEveryAnswer:
    @pytest.mark.parametrize("caller", [CallerSpec("alice", (*MEMBER, *ADMIN)), None])
    async def test_has_what_keeps_browsers_safe(
        self, migrated: TestDatabase, tmp_path: Path, caller: CallerSpec | None
    ) -> None:
        async with whole_product(migrated, tmp_path) as product:
            statuses = await seen_everywhere(product, caller)
        assert len(statuses) > 60
        assert {200} < set(statuses)


class TestStrictTransport:
    async def test_is_asked_for_where_people_come_by_https(self) -> None:
        public = {"server": {"public_url": "https://ask.example.com"}}
        async with client_of(create_demo_app(Settings.model_validate(public))) as client:
            answers = [await client.get(path) for path in ("/healthz", "/docs", "/no/such/path")]
            answers.append(await client.get("/docs", headers={"Host": "evil.example"}))
        said = {answer.headers["strict-transport-security"] for answer in answers}
        assert said == {"max-age=31536000"}

    @pytest.mark.parametrize("public_url", [None, "http://127.0.0.1:8000"])
    async def test_is_not_where_they_do_not(self, public_url: str | None) -> None:
        settings = Settings.model_validate({"server": {"public_url": public_url}})
        async with client_of(create_demo_app(settings)) as client:
            assert "strict-transport-security" not in (await client.get("/healthz")).headers


class TestCorsHeaders:
    async def test_are_those_that_the_api_knows(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with whole_product(migrated, tmp_path) as product:
            document = product.api.openapi()
        operations = [each for verbs in document["paths"].values() for each in verbs.values()]
        sent = {
            parameter["name"].lower()
            for operation in operations
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "header"
        }
        read = {
            name.lower()
            for operation in operations
            for response in operation["responses"].values()
            for name in response.get("headers", ())
        }
        assert {"if-match", "idempotency-key"} <= sent
        assert sent <= {name.lower() for name in SENDABLE_HEADERS}
        assert {"etag", "location"} <= read
        assert read <= {name.lower() for name in READABLE_HEADERS}
