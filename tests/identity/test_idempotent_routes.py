import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, Depends, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from sqlalchemy import text
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.identity.dependencies import Session, requires
from muniment.identity.idempotent_routes import ACCEPTS_KEY, IdempotentRoute, accepts_key
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.kit.clock import SystemClock
from muniment.kit.errors import ConflictError, NotFoundError, UnavailableError
from tests.support.app import ClientMaker, make_client, running_app
from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase

CanWrite = Annotated[Principal, Depends(requires(Permission.DOCUMENTS_WRITE))]
THINGS = "/api/v1/things"
FAILS_AT_COMMIT = (
    "create temporary table doubt (x int unique deferrable initially deferred) on commit drop",
    "insert into doubt values (1), (1)",
)


class Thing(BaseModel):
    name: str = Field(min_length=1)


@dataclass
class Workshop:
    """What the routes of the test do and have done."""

    made: list[str] = field(default_factory=list)
    trouble: Exception | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    breaks_at_commit: bool = False


def make_router(workshop: Workshop) -> APIRouter:
    router = APIRouter(prefix="/things", route_class=IdempotentRoute)

    @router.post("", status_code=201, dependencies=[ACCEPTS_KEY])
    async def make_thing(_: CanWrite, thing: Thing, session: Session, response: Response) -> Thing:
        workshop.begun.set()
        await workshop.may_go_on.wait()
        if workshop.trouble is not None:
            raise workshop.trouble
        await session.execute(text("insert into tenant (name) values (:name)"), thing.model_dump())
        if workshop.breaks_at_commit:
            for statement in FAILS_AT_COMMIT:
                await session.execute(text(statement))
        workshop.made.append(thing.name)
        response.headers["Location"] = f"{THINGS}/{len(workshop.made)}"
        response.headers["X-Other"] = "not kept"
        return thing

    @router.post("/patient", status_code=201, dependencies=[ACCEPTS_KEY])
    async def wait_for_the_end(_: CanWrite, request: Request) -> str:
        await request.body()
        heard: str = (await request.receive())["type"]
        workshop.made.append(heard)
        return heard

    @router.get("")
    async def list_things(_: CanWrite) -> list[str]:
        return workshop.made

    return router


@pytest.fixture
def workshop() -> Workshop:
    made = Workshop()
    made.may_go_on.set()
    return made


@pytest.fixture
async def things(
    workshop: Workshop, local_issuer: LocalIssuer, database: TestDatabase
) -> AsyncIterator[ASGIApp]:
    router = make_router(workshop)
    async with running_app(local_issuer, database, SystemClock(), router) as app:
        yield app


@pytest.fixture
async def alice(things: ASGIApp, local_issuer: LocalIssuer) -> AsyncIterator[httpx2.AsyncClient]:
    async with make_client(things, local_issuer, CallerSpec("alice")) as client:
        yield client


def hung_up(app: ASGIApp) -> ASGIApp:
    """The same for a client that goes away once its request is out."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        is_out = False

        async def hear() -> Message:
            nonlocal is_out
            if is_out:
                return {"type": "http.disconnect"}
            message = await receive()
            is_out = not message.get("more_body", False)
            return message

        await app(scope, hear, send)

    return call


async def make(
    client: httpx2.AsyncClient, name: str = "chair", key: str = "key"
) -> httpx2.Response:
    return await client.post(THINGS, json={"name": name}, headers={"Idempotency-Key": key})


class TestRepeatedRequest:
    async def test_gets_the_first_answer(
        self, alice: httpx2.AsyncClient, workshop: Workshop
    ) -> None:
        first, second = await make(alice), await make(alice)
        assert second.status_code == first.status_code == 201
        assert second.headers["Location"] == first.headers["Location"] == f"{THINGS}/1"
        assert second.json() == first.json() == {"name": "chair"}
        assert second.headers["Idempotent-Replay"] == "true"
        assert "X-Other" not in second.headers
        assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
        assert workshop.made == ["chair"]

    async def test_works_again_under_another_key_or_none(
        self, alice: httpx2.AsyncClient, workshop: Workshop
    ) -> None:
        await make(alice, "chair", "key-1")
        await make(alice, "table", "key-2")
        await alice.post(THINGS, json={"name": "lamp"})
        assert workshop.made == ["chair", "table", "lamp"]

    @pytest.mark.parametrize("verb", ["PUT", "DELETE", "TRACE"])
    async def test_of_another_verb_is_no_repetition(
        self, alice: httpx2.AsyncClient, verb: str
    ) -> None:
        await make(alice)
        headers = {"Idempotency-Key": "key"}
        answer = await alice.request(verb, THINGS, json={"name": "chair"}, headers=headers)
        assert answer.status_code == 405

    async def test_is_refused_with_another_body(self, alice: httpx2.AsyncClient) -> None:
        await make(alice, "chair")
        response = await make(alice, "table")
        assert response.status_code == 422
        assert response.json()["code"] == "idempotency_key_reused"

    async def test_is_told_that_the_first_still_runs(
        self, alice: httpx2.AsyncClient, workshop: Workshop
    ) -> None:
        workshop.may_go_on.clear()
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(make(alice))
            await workshop.begun.wait()
            second = await make(alice)
            workshop.may_go_on.set()
        assert second.status_code == 409
        assert second.json()["code"] == "idempotency_in_progress"
        assert second.headers["Retry-After"] == "1"
        assert first.result().status_code == 201
        assert (await make(alice)).headers["Idempotent-Replay"] == "true"

    async def test_creates_once_however_many_come_together(
        self, alice: httpx2.AsyncClient, workshop: Workshop
    ) -> None:
        responses = await asyncio.gather(*(make(alice) for _ in range(6)))
        assert workshop.made == ["chair"]
        assert {response.status_code for response in responses} <= {201, 409}

    async def test_gets_a_refusal_by_rule_again(
        self, alice: httpx2.AsyncClient, workshop: Workshop
    ) -> None:
        workshop.trouble = ConflictError("There is one already.")
        first = await make(alice)
        workshop.trouble = None
        second = await make(alice)
        assert second.status_code == 409
        assert second.json() == first.json()
        assert second.headers["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize(
        "trouble", [UnavailableError("Later."), NotFoundError("Not there."), RuntimeError("bug")]
    )
    async def test_is_tried_again_after_what_may_pass(
        self, alice: httpx2.AsyncClient, workshop: Workshop, trouble: Exception
    ) -> None:
        workshop.trouble = trouble
        assert (await make(alice)).status_code >= 400
        workshop.trouble = None
        again = await make(alice)
        assert again.status_code == 201
        assert "Idempotent-Replay" not in again.headers

    async def test_is_tried_again_after_a_request_that_was_cancelled(
        self, alice: httpx2.AsyncClient, workshop: Workshop
    ) -> None:
        workshop.may_go_on.clear()
        first = asyncio.create_task(make(alice))
        await workshop.begun.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        workshop.may_go_on.set()
        assert (await make(alice)).status_code == 201
        assert workshop.made == ["chair"]

    async def test_is_tried_again_after_a_commit_that_failed(
        self, alice: httpx2.AsyncClient, workshop: Workshop, database: TestDatabase
    ) -> None:
        workshop.breaks_at_commit = True
        async with database.temporary_tables():
            assert (await make(alice)).status_code == 500
        assert workshop.made == ["chair"]
        workshop.breaks_at_commit = False
        assert (await make(alice)).status_code == 201
        async with database.owner.connect() as connection:
            kept = await connection.scalar(text("select count(*) from tenant where name = 'chair'"))
        assert kept == 1


class TestRoute:
    async def test_asks_for_rights_before_it_replays(
        self, alice: httpx2.AsyncClient, client_of: ClientMaker, local_issuer: LocalIssuer
    ) -> None:
        await make(alice)
        token = local_issuer.mint("alice", roles=["auditor"])
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "key"}
        response = await alice.post(THINGS, json={"name": "chair"}, headers=headers)
        assert response.status_code == 403
        nobody = {"Authorization": "", "Idempotency-Key": "key"}
        assert (await alice.post(THINGS, json={}, headers=nobody)).status_code == 401

    @pytest.mark.parametrize("key", ["", "x" * 256, "two words", "umläut"])
    async def test_refuses_a_malformed_key(self, alice: httpx2.AsyncClient, key: str) -> None:
        headers = [*alice.headers.raw, (b"idempotency-key", key.encode("latin-1"))]
        response = await alice.post(THINGS, json={"name": "chair"}, headers=headers)
        assert response.status_code == 422
        assert response.json()["errors"][0]["name"] == "Idempotency-Key"

    async def test_takes_the_longest_key(self, alice: httpx2.AsyncClient) -> None:
        assert (await make(alice, key="~" * 255)).status_code == 201

    async def test_does_not_look_at_keys_of_other_verbs(self, alice: httpx2.AsyncClient) -> None:
        headers = {"Idempotency-Key": "key"}
        responses = [await alice.get(THINGS, headers=headers) for _ in range(2)]
        assert not any("Idempotent-Replay" in response.headers for response in responses)

    async def test_lets_the_handler_hear_that_the_client_went_away(
        self, things: ASGIApp, local_issuer: LocalIssuer, workshop: Workshop
    ) -> None:
        async with make_client(hung_up(things), local_issuer, CallerSpec("alice")) as client:
            await client.post(f"{THINGS}/patient", headers={"Idempotency-Key": "key"})
        assert workshop.made == ["http.disconnect"]

    def test_tells_whether_it_takes_a_key(self, workshop: Workshop) -> None:
        routes = [r for r in make_router(workshop).routes if isinstance(r, APIRoute)]
        assert [accepts_key(route.dependant) for route in routes] == [True, True, False]
