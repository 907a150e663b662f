from pathlib import Path

import pytest

from tests.support.callers import ADMIN, MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.demo_app import create_demo_app
from tests.support.problem_walk import (
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
