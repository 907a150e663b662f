from collections.abc import AsyncIterator

import pytest
from starlette.types import ASGIApp

from muniment.identity.local_issuer import DEFAULT_TENANT, LocalIssuer
from tests.support.app import make_client
from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase
from tests.support.searching import asking_app, open_shelf
from tests.support.shelf import Shelf

ANSWERS = "/api/v1/answers"
QUESTION = {"question": "How many days of annual leave do I have?"}


@pytest.fixture
async def shelf(database: TestDatabase) -> AsyncIterator[Shelf]:
    """The tenant of the callers, with one document for a group."""
    async with open_shelf(database, DEFAULT_TENANT) as shelf:
        secret = await shelf.add_collection({"group:/staff": "reader"})
        await shelf.add_document(secret, "You have 28 days of annual leave.", name="leave.txt")
        yield shelf


@pytest.fixture
async def asking(shelf: Shelf, local_issuer: LocalIssuer) -> AsyncIterator[ASGIApp]:
    async with asking_app(shelf, local_issuer) as app:
        yield app


class TestAnswerQuestion:
    @pytest.mark.parametrize(
        ("caller", "status", "mode"),
        [
            (None, 401, None),
            (CallerSpec(roles=()), 403, None),
            (CallerSpec(roles=("admin", "auditor")), 403, None),
            (CallerSpec(), 200, "none"),
            (CallerSpec(groups=("/staff",)), 200, "extractive"),
            (CallerSpec(groups=("/staff",), tenant="other"), 200, "none"),
        ],
        ids=["nobody", "no role", "admin", "stranger", "granted", "other tenant"],
    )
    async def test_each_caller_gets_what_they_may(
        self,
        asking: ASGIApp,
        local_issuer: LocalIssuer,
        caller: CallerSpec | None,
        status: int,
        mode: str | None,
    ) -> None:
        async with make_client(asking, local_issuer, caller) as client:
            answer = await client.post(ANSWERS, json=QUESTION)
        assert answer.status_code == status
        assert answer.json().get("mode") == mode
        if mode == "none":
            assert "leave.txt" not in answer.text
            assert answer.json()["citations"] == []

    async def test_the_shape_is_the_contract(
        self, asking: ASGIApp, local_issuer: LocalIssuer
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec(groups=("/staff",))) as client:
            body = (await client.post(ANSWERS, json=QUESTION)).json()
        assert (body["model"], body["usage"]) == (None, {})
        [citation] = body["citations"]
        assert citation["quote"] == "You have 28 days of annual leave."
        assert citation.keys() >= {
            "marker", "document_id", "document_name", "uri", "version", "page", "start", "end",
            "quote", "status", "score",
        }  # fmt: skip

    async def test_events_for_who_asks_for_them(
        self, asking: ASGIApp, local_issuer: LocalIssuer
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec(groups=("/staff",))) as client:
            answer = await client.post(
                ANSWERS, json=QUESTION, headers={"accept": "text/event-stream"}
            )
        assert answer.headers["content-type"].startswith("text/event-stream")
        names = [line for line in answer.text.splitlines() if line.startswith("event: ")]
        assert names == ["event: delta", "event: citation", "event: finished"]

    @pytest.mark.parametrize("body", [{}, {"question": " "}, {"question": "x", "agent": "y"}])
    async def test_refuses_what_it_does_not_understand(
        self, asking: ASGIApp, local_issuer: LocalIssuer, body: dict[str, str]
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            assert (await client.post(ANSWERS, json=body)).status_code == 422
