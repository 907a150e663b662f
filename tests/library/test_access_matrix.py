"""Every route of the library, called by everybody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from muniment.library.router.library import router
from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    add,
    give,
    make_collection,
    mark_failed,
    name_of,
)
from tests.profiles.arrange import disable, path_of
from tests.support.app import ClientMaker
from tests.support.callers import ADMIN
from tests.support.database import TestDatabase

CALLERS: Final = (
    *("nobody", "disabled", "roleless", "stranger", "other_tenant", "admin"),
    *("reader", "editor", "owner", "creator"),
)


@dataclass(frozen=True)
class Route:
    """A route with the status that each caller of `CALLERS` gets."""

    method: str
    path: str
    statuses: str
    body: object = None
    form: bool = False
    answers: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        numbers = map(int, self.statuses.split())
        object.__setattr__(self, "answers", dict(zip(CALLERS, numbers, strict=True)))

    async def call(
        self, client: httpx2.AsyncClient, collection: str, document: str
    ) -> httpx2.Response:
        path = self.path.format(collection=collection, document=document)
        headers = {"If-Match": "*"}
        if self.form:
            files = [("file", ("new.txt", b"words"))]
            return await client.post(path, files=files, headers=headers)
        return await client.request(self.method, path, json=self.body, headers=headers)


C, D = f"{COLLECTIONS}/{{collection}}", f"{DOCUMENTS}/{{document}}"
GRANT = {"principal": "role:auditor", "role": "reader"}
# nobody disabled roleless stranger other_tenant admin reader editor owner creator
ROUTES: Final = (
    Route("POST", COLLECTIONS, "401 401 403 201 201 403 201 201 201 201", {"name": "New"}),
    Route("GET", COLLECTIONS, "401 401 403 200 200 200 200 200 200 200"),
    Route("GET", C, "401 401 403 404 404 200 200 200 200 404"),
    Route("PATCH", C, "401 401 403 404 404 403 403 403 200 404", {"name": "New"}),
    Route("DELETE", C, "401 401 403 404 404 403 403 403 204 404"),
    Route("GET", f"{C}/grants", "401 401 403 404 404 200 403 403 200 404"),
    Route("POST", f"{C}/grants", "401 401 403 404 404 201 403 403 201 404", GRANT),
    Route("DELETE", f"{C}/grants?principal=everyone", "401 401 403 404 404 404 403 403 404 404"),
    Route("GET", f"{C}/documents", "401 401 403 404 404 403 200 200 200 404"),
    Route("POST", f"{C}/documents", "401 401 403 404 404 403 403 202 202 404", form=True),
    Route("GET", f"{C}/events", "401 401 403 404 404 403 200 200 200 404"),
    Route("GET", D, "401 401 403 404 404 403 200 200 200 200"),
    Route("PATCH", D, "401 401 403 404 404 403 403 200 200 200", {"name": "new.txt"}),
    Route("DELETE", D, "401 401 403 404 404 403 403 204 204 204"),
    Route("POST", f"{D}/retry", "401 401 403 404 404 403 403 202 202 202"),
    Route("GET", f"{D}/access", "401 401 403 404 404 403 403 200 200 200"),
    Route("PUT", f"{D}/access", "401 401 403 404 404 403 403 200 200 200", {"rule": None}),
    Route("GET", f"{D}/access/explanation?user=u|x", "401 401 403 404 404 200 403 403 200 403"),
    Route("GET", f"{D}/text", "401 401 403 404 404 403 409 409 409 409"),
    Route("GET", f"{D}/content", "401 401 403 404 404 403 200 200 200 200"),
    Route("HEAD", f"{D}/content", "401 401 403 404 404 403 200 200 200 200"),
    Route("GET", f"{D}/versions", "401 401 403 404 404 403 200 200 200 200"),
    Route("GET", f"{D}/events", "401 401 403 404 404 403 200 200 200 200"),
)


@pytest.fixture
def cast(client_of: ClientMaker) -> dict[str, httpx2.AsyncClient]:
    return {
        "nobody": client_of(None),
        "disabled": client_of("mallory"),
        "roleless": client_of("eve", roles=[]),
        "stranger": client_of("stranger"),
        "other_tenant": client_of("owner", tenant="other"),
        "admin": client_of("root", roles=ADMIN),
        "reader": client_of("reader"),
        "editor": client_of("editor"),
        "owner": client_of("owner"),
        "creator": client_of("creator"),
    }


@pytest.fixture
async def collection(cast: dict[str, httpx2.AsyncClient]) -> str:
    collection = await make_collection(cast["owner"])
    roles = {"reader": "reader", "editor": "editor", "creator": "editor", "disabled": "owner"}
    for caller, role in roles.items():
        await give(cast["owner"], collection, await name_of(cast[caller]), role)
    await disable(cast["admin"], await path_of(cast["disabled"]))
    return collection


@pytest.fixture
async def document(
    cast: dict[str, httpx2.AsyncClient], collection: str, database: TestDatabase
) -> str:
    """A document that failed; its creator holds no grant any more."""
    document = await add(cast["creator"], collection)
    await mark_failed(database, document)
    path = f"{COLLECTIONS}/{collection}/grants"
    creator = await name_of(cast["creator"])
    assert (await cast["owner"].delete(path, params={"principal": creator})).status_code == 204
    return document


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


ALLOWED: Final = [
    pytest.param(route, caller, id=f"{caller} {name(route)}")
    for route in ROUTES
    for caller, status in route.answers.items()
    if status < 400
]


@pytest.mark.parametrize(("route", "caller"), ALLOWED)
async def test_who_may_is_served(
    cast: dict[str, httpx2.AsyncClient], collection: str, document: str, route: Route, caller: str
) -> None:
    response = await route.call(cast[caller], collection, document)
    assert response.status_code == route.answers[caller], response.text


@pytest.mark.parametrize("route", ROUTES, ids=name)
async def test_who_may_not_is_refused(
    cast: dict[str, httpx2.AsyncClient], collection: str, document: str, route: Route
) -> None:
    refused = {caller: status for caller, status in route.answers.items() if status >= 400}
    answers = {caller: await route.call(cast[caller], collection, document) for caller in refused}
    assert {caller: answer.status_code for caller, answer in answers.items()} == refused
    kinds = {answer.headers["Content-Type"] for answer in answers.values()}
    assert kinds == {"application/problem+json"}


@pytest.mark.parametrize("route", ROUTES[2:], ids=name)
async def test_what_is_hidden_answers_like_what_is_not_there(
    cast: dict[str, httpx2.AsyncClient], collection: str, document: str, route: Route
) -> None:
    nowhere = "01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77"
    for caller in ("stranger", "other_tenant"):
        hidden = await route.call(cast[caller], collection, document)
        absent = await route.call(cast[caller], nowhere, nowhere)
        assert hidden.status_code == absent.status_code
        assert told_by(hidden) == told_by(absent)


def told_by(answer: httpx2.Response) -> dict[str, object]:
    """Give what an answer says, but for the number of its request; one to HEAD says nothing."""
    if answer.request.method == "HEAD":
        assert answer.content == b""
        return {}
    told: dict[str, object] = answer.json()
    del told["instance"], told["request_id"]
    return told


def test_table_has_every_route_of_the_library() -> None:
    paths = {
        (method, context.path)
        for context in iter_route_contexts(router.routes)
        for method in context.methods or ()
    }
    prefix = "/api/v1"
    named = {"collection": "{collection_id}", "document": "{document_id}"}
    listed = {
        (route.method, route.path.partition("?")[0].removeprefix(prefix).format(**named))
        for route in ROUTES
    }
    assert listed == paths
