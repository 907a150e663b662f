from collections.abc import AsyncIterator

import pytest
from starlette.types import ASGIApp

from muniment.identity.local_issuer import DEFAULT_TENANT, LocalIssuer
from tests.support.app import make_client
from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase
from tests.support.searching import asking_app, open_shelf
from tests.support.shelf import Shelf

SEARCH = "/api/v1/search"


@pytest.fixture
async def shelf(database: TestDatabase) -> AsyncIterator[Shelf]:
    """The tenant of the callers, with a document for everyone and one for a group."""
    async with open_shelf(database, DEFAULT_TENANT) as shelf:
        everyone = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(everyone, "The lighthouse keeper counts gulls.", name="log.txt")
        secret = await shelf.add_collection({"group:/board": "reader"})
        await shelf.add_document(secret, "The lighthouse will be sold.", name="plan.txt")
        yield shelf


@pytest.fixture
async def asking(shelf: Shelf, local_issuer: LocalIssuer) -> AsyncIterator[ASGIApp]:
    async with asking_app(shelf, local_issuer) as app:
        yield app


class TestSearchPassages:
    @pytest.mark.parametrize(
        ("caller", "status", "names"),
        [
            (None, 401, None),
            (CallerSpec(roles=()), 403, None),
            (CallerSpec(roles=("admin",)), 403, None),
            (CallerSpec(), 200, {"log.txt"}),
            (CallerSpec(groups=("/board",)), 200, {"log.txt", "plan.txt"}),
            (CallerSpec(groups=("/board",), tenant="other"), 200, set()),
        ],
        ids=["nobody", "no role", "admin", "member", "granted", "other tenant"],
    )
    async def test_each_caller_gets_what_they_may(
        self,
        asking: ASGIApp,
        local_issuer: LocalIssuer,
        caller: CallerSpec | None,
        status: int,
        names: set[str] | None,
    ) -> None:
        async with make_client(asking, local_issuer, caller) as client:
            answer = await client.post(SEARCH, json={"query": "lighthouse"})
        assert answer.status_code == status
        if names is not None:
            body = answer.json()
            assert {result["document_name"] for result in body["results"]} == names
            assert body["mode"] == "hybrid"
            assert body["timings_ms"].keys() >= {"total"}

    async def test_explains_when_asked(self, asking: ASGIApp, local_issuer: LocalIssuer) -> None:
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            answer = await client.post(SEARCH, json={"query": "lighthouse", "explain": True})
        result = answer.json()["results"][0]
        assert result["explain"]["lexical"]["rank"] == 1
        assert result["explain"]["dense"]["rank"] == 1
        assert answer.json()["explain"] == {
            "language": "en",
            "lexical_share": 0.4,
            "candidates": 1,
            "exhaustive": True,
        }

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"query": ""},
            {"query": "   "},
            {"query": "x" * 4097},
            {"query": "x", "top_k": 0},
            {"query": "x", "top_k": 101},
            {"query": "x", "mode": "magic"},
            {"query": "x", "collections": []},
            {"query": "x", "collections": ["nonsense"]},
            {"query": "x", "filter": {"type": "eq", "key": "a; drop", "value": 1}},
            {"query": "x", "rerank": "please"},
            {"query": "x", "unknown": 1},
        ],
    )
    async def test_refuses_what_it_does_not_understand(
        self, asking: ASGIApp, local_issuer: LocalIssuer, body: dict[str, object]
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            answer = await client.post(SEARCH, json=body)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize("rerank", [True, False, None])
    async def test_reranking_may_be_asked_for(
        self, asking: ASGIApp, local_issuer: LocalIssuer, *, rerank: bool | None
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            answer = await client.post(SEARCH, json={"query": "gulls", "rerank": rerank})
        assert answer.status_code == 200
        assert answer.json()["results"]

    async def test_a_lone_surrogate_is_the_callers_fault(
        self, asking: ASGIApp, local_issuer: LocalIssuer
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            answer = await client.post(
                SEARCH,
                content=b'{"query": "\\ud800 gulls"}',
                headers={"content-type": "application/json"},
            )
        assert answer.status_code in {400, 422}

    async def test_an_unknown_collection_is_not_found(
        self, asking: ASGIApp, local_issuer: LocalIssuer
    ) -> None:
        wanted = {"query": "x", "collections": ["01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77"]}
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            answer = await client.post(SEARCH, json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (404, "collection_not_found")
