from pathlib import Path
from uuid import UUID

import pytest

from muniment.app.openapi import API_PREFIX
from tests.support.callers import ADMIN, MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.demo_app import create_demo_app
from tests.support.problem_walk import (
    assert_problem,
    assert_problems_everywhere,
    client_of,
    walk_routes,
)
from tests.support.whole_product import whole_product


class TestWalk:
    async def test_every_failure_of_every_route_has_one_shape(self) -> None:
        app = create_demo_app()
        async with client_of(app) as client:
            assert await assert_problems_everywhere(app, client) > 12

    def test_the_walk_sees_included_routes_with_their_full_path(self) -> None:
        paths = {route.path for route in walk_routes(create_demo_app())}
        assert {"/healthz", "/docs", "/api/v1/notes/{note_id}"} <= paths


class TestProduct:
    @pytest.mark.parametrize("caller", [CallerSpec("alice", (*MEMBER, *ADMIN)), None])
    async def test_every_failure_of_every_route_has_one_shape(
        self, migrated: TestDatabase, tmp_path: Path, caller: CallerSpec | None
    ) -> None:
        async with (
            whole_product(migrated, tmp_path) as product,
            product.client(caller) as client,
        ):
            assert await assert_problems_everywhere(product.api, client) > 40


class TestUnreadableBodies:
    @pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"[]", b""])
    async def test_are_told_to_nobody_who_has_not_signed_in(
        self, migrated: TestDatabase, tmp_path: Path, body: bytes
    ) -> None:
        async with (
            whole_product(migrated, tmp_path) as product,
            product.client(None) as client,
        ):
            routes = [r for r in walk_routes(product.api) if r.takes_json]
            for route in routes:
                address = route.address(str(UUID(int=1)))
                headers = {"Content-Type": "application/json"}
                verb = min(route.methods)
                response = await client.request(verb, address, content=body, headers=headers)
                assert response.status_code == 401, response.text
                assert response.headers["WWW-Authenticate"] == "Bearer"
            assert len(routes) > 5


class TestUnknownParameters:
    async def test_are_refused_by_every_route_of_the_api(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            whole_product(migrated, tmp_path) as product,
            product.client(CallerSpec("alice", (*MEMBER, *ADMIN))) as client,
        ):
            routes = [r for r in walk_routes(product.api) if r.path.startswith(API_PREFIX)]
            for route in routes:
                address = route.address(str(UUID(int=1)))
                response = await client.request(min(route.methods), f"{address}?colour=red")
                if route.methods == {"HEAD"}:
                    assert (response.status_code, response.content) == (422, b"")
                    continue
                problem = assert_problem(response, 422)
                assert problem["code"] == "unknown_parameter"
                assert problem["errors"] == [
                    {
                        "in": "query",
                        "name": "colour",
                        "code": "unknown_parameter",
                        "detail": "This parameter is not known here.",
                    }
                ]
            assert len(routes) > 20

    async def test_are_told_to_nobody_who_has_not_signed_in(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            whole_product(migrated, tmp_path) as product,
            product.client(None) as client,
        ):
            routes = [r for r in walk_routes(product.api) if r.path.startswith(API_PREFIX)]
            for route in routes:
                address = route.address(str(UUID(int=1)))
                response = await client.request(min(route.methods), f"{address}?colour=red")
                assert response.status_code == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"
            assert len(routes) > 20

    async def test_are_told_from_those_that_a_model_or_a_dependency_declares(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with (
            whole_product(migrated, tmp_path) as product,
            product.client(CallerSpec("alice", (*MEMBER, *ADMIN))) as client,
        ):
            known = {"status": "active", "q": "alice", "limit": "1"}
            assert (await client.get("/api/v1/users", params=known)).status_code == 200
            refused = await client.get("/api/v1/users", params={"subject": "alice"})
            assert refused.json()["hint"] == "It knows cursor, limit, q, status."
