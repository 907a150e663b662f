"""Every route says who may call it, where everybody can see it: in its tree of dependencies."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from muniment.app.factory import create_app
from muniment.app.routes import ROUTERS
from muniment.app.settings import Settings
from muniment.identity.dependencies import authenticated, required_permissions

PUBLIC = {
    "/healthz": "asked by machines without an identity",
    "/readyz": "asked by machines without an identity",
    "/metrics": "asked by machines without an identity; holds no content",
    "/docs": "a page without content",
    "/docs/page.css": "a page without content",
    "/docs/page.js": "a page without content",
}
_OWN = "everybody who is signed in may see and end their own sessions"
WITHOUT_A_ROLE = {
    "read_my_profile": "everybody who is signed in may read their own profile",
    "list_my_sessions": _OWN,
    "end_my_session": _OWN,
    "end_my_other_sessions": _OWN,
}


def routes(*further: APIRouter) -> dict[str, APIRoute]:
    """Find the routes of the whole product by path and verb."""
    app = create_app(Settings(), routers=[*ROUTERS, *further])
    return {
        f"{'/'.join(sorted(context.methods or ()))} {context.path}": context.original_route
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
    }


def knows_its_caller(dependant: Dependant) -> bool:
    return dependant.call is authenticated or any(map(knows_its_caller, dependant.dependencies))


def undeclared(*further: APIRouter) -> Iterator[str]:
    """Find the routes that neither are public nor ask for a caller."""
    for name, route in routes(*further).items():
        if name.partition(" ")[2] not in PUBLIC and not knows_its_caller(route.dependant):
            yield name


class TestPolicies:
    def test_every_route_but_the_public_ones_asks_who_calls(self) -> None:
        assert list(undeclared()) == []

    def test_every_route_but_the_named_ones_asks_for_a_permission(self) -> None:
        free = {
            route.name
            for route in routes().values()
            if knows_its_caller(route.dependant) and not [*required_permissions(route.dependant)]
        }
        assert free == WITHOUT_A_ROLE.keys()

    def test_every_public_route_is_there(self) -> None:
        assert {name.partition(" ")[2] for name in routes()} >= PUBLIC.keys()

    @pytest.mark.parametrize("verb", ["GET", "POST"])
    def test_a_route_without_a_policy_would_be_found(self, verb: str) -> None:
        careless = APIRouter()

        @careless.api_route("/everything", methods=[verb])
        async def read_everything() -> None:
            """Ask nobody."""

        assert list(undeclared(careless)) == [f"{verb} /api/v1/everything"]
