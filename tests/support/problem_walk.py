"""Walks every route of an application and asserts that its failures have one shape."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SOME_ID = "01a206d8-2662-72a5-a5a8-dcddc16ae947"
"""Fits wherever an id or a name stands in an address."""
_MAY_ANSWER_FIRST = {401, 403}
"""A route that knows its caller may say so before it looks at anything else."""


@dataclass(frozen=True, slots=True)
class WalkedRoute:
    """One route as a caller sees it."""

    path: str
    methods: frozenset[str]
    takes_json: bool
    parameters: tuple[str, ...]

    def address(self, value: str) -> str:
        """Fill every parameter of the path with a value."""
        return re.sub(r"\{[^}]+\}", value, self.path)


def walk_routes(app: FastAPI) -> Iterator[WalkedRoute]:
    """List the routes of an application, included routers too."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and context.path is not None:
            yield WalkedRoute(
                path=context.path,
                methods=frozenset(context.methods or ()),
                takes_json=route.body_field is not None,
                parameters=tuple(re.findall(r"\{([^}:]+)", context.path)),
            )


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Open a client that talks to an application in this process."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def assert_problem(response: httpx2.Response, status: int | None = None) -> Mapping[str, object]:
    """Assert that an answer is a complete problem document, and give it."""
    where = f"{response.request.method} {response.request.url.path}: {response.text[:300]}"
    assert response.headers["content-type"] == "application/problem+json", where
    problem = json.loads(response.text)
    assert isinstance(problem, dict), where
    assert status is None or response.status_code == status, where
    assert problem["status"] == response.status_code, where
    assert problem["type"] == f"urn:muniment:problem:{problem['code']}", where
    assert problem["title"], where
    assert problem["detail"], where
    assert problem["request_id"] == response.headers["x-request-id"], where
    assert problem["instance"] == f"urn:muniment:request:{problem['request_id']}", where
    for item in problem.get("errors", ()):
        assert item["in"] in {"body", "query", "path", "header", "cookie"}, where
        assert ("pointer" in item) == (item["in"] == "body"), where
        assert ("name" in item) != ("pointer" in item), where
        assert item["code"], where
        assert item["detail"], where
    return problem


async def assert_problems_everywhere(
    app: FastAPI, client: httpx2.AsyncClient, headers: Mapping[str, str] | None = None
) -> int:
    """Provoke each kind of failure on each route; give the number of failures seen."""
    assert_problem(await client.get("/no/such/path", headers=headers), 404)
    assert_problem(await client.get("/api/v1/no-such-path", headers=headers), 404)
    seen = 2
    routes = list(walk_routes(app))
    for route in routes:
        seen += await _refuse_other_verbs(route, routes, client, headers)
        seen += await _refuse_broken_json(route, client, headers)
        seen += await _refuse_wrong_values(route, client, headers)
    return seen


async def _refuse_other_verbs(
    route: WalkedRoute,
    routes: list[WalkedRoute],
    client: httpx2.AsyncClient,
    headers: Mapping[str, str] | None,
) -> int:
    taken = frozenset[str]().union(*(one.methods for one in routes if one.path == route.path))
    verb = next((verb for verb in VERBS if verb not in taken), None)
    if verb is None:
        return 0
    response = await client.request(verb, route.address(SOME_ID), headers=headers)
    # A path such as /users/me is also one of /users/{id}, which may know the verb.
    if response.status_code != 405:
        assert response.status_code < 500, response.text
        return 0
    assert_problem(response, 405)
    assert response.headers["allow"]
    return 1


async def _refuse_broken_json(
    route: WalkedRoute, client: httpx2.AsyncClient, headers: Mapping[str, str] | None
) -> int:
    verbs = route.methods & {"POST", "PUT", "PATCH", "DELETE"}
    if not route.takes_json or not verbs:
        return 0
    response = await client.request(
        min(verbs),
        route.address(SOME_ID),
        content=b'{"broken": ',
        headers={**(headers or {}), "Content-Type": "application/json"},
    )
    assert_problem(response)
    assert response.status_code in {400, *_MAY_ANSWER_FIRST}, response.text
    return 1


async def _refuse_wrong_values(
    route: WalkedRoute, client: httpx2.AsyncClient, headers: Mapping[str, str] | None
) -> int:
    if not route.takes_json:
        return 0
    verb = min(route.methods)
    response = await client.request(
        verb, route.address(SOME_ID), json=["wrong"], headers={"If-Match": "*", **(headers or {})}
    )
    assert_problem(response)
    assert response.status_code in {404, 422, *_MAY_ANSWER_FIRST}, response.text
    return 1
