from collections.abc import AsyncIterator

import pytest
from starlette.types import ASGIApp

from muniment.identity.local_issuer import DEFAULT_TENANT, LocalIssuer
from muniment.library.access_rules import AccessRule
from tests.support.app import make_client
from tests.support.callers import CallerSpec
from tests.support.database import TestDatabase
from tests.support.searching import asking_app, open_shelf
from tests.support.shelf import Shelf

SEARCH = "/api/v1/search"
BODIES = [
    (b'{"query": "gulls", "filter": ' + b"[" * 60_000 + b"]" * 60_000 + b"}", 400),
    (b'{"query": "gulls", "top_k": ' + b"9" * 5000 + b"}", 400),
    (b'{"query": "gulls", "top_k": 99999999999999999999}', 422),
    (b'{"query": "gulls", "top_k": 1.5}', 422),
    (b'{"query": ["gulls"]}', 422),
    (b'{"query": "\xff"}', 400),
    (b"[]", 422),
    (b"null", 422),
    (b'{"query": "\\u0000"}', 200),
    (b'{"query": "\\u202e\\u200d\\ufeff", "mode": "lexical"}', 200),
    (b'{"query": "gulls", "query": "boats"}', 200),
]
"""What may come instead of a question, and the status of the answer."""


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

    @pytest.mark.parametrize(
        ("roles", "groups", "withheld"),
        [
            (("member", "auditor"), (), {"documents": 1, "chunks": 1}),
            (("member", "admin"), (), {"documents": 1, "chunks": 1}),
            (("member", "auditor"), ("/board",), {"documents": 0, "chunks": 0}),
            (("member",), (), None),
            (("member",), ("/board",), None),
        ],
    )
    async def test_counts_what_walls_keep_back_for_auditors_alone(
        self,
        asking: ASGIApp,
        local_issuer: LocalIssuer,
        roles: tuple[str, ...],
        groups: tuple[str, ...],
        withheld: dict[str, int] | None,
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec(roles=roles, groups=groups)) as one:
            explained = await one.post(SEARCH, json={"query": "lighthouse", "explain": True})
            plain = await one.post(SEARCH, json={"query": "lighthouse"})
            answer = await one.post("/api/v1/answers", json={"question": "Who counts gulls?"})
        found = explained.json()
        if withheld is None:
            assert "withheld" not in explained.text
        else:
            assert found["explain"]["withheld"] == withheld
        assert "withheld" not in plain.text + answer.text
        scores = [result["score"] for result in plain.json()["results"]]
        assert [result["score"] for result in found["results"]] == scores
        # Neither a step of its own nor a part of another: the count is made after the last one.
        assert found["timings_ms"].keys() == plain.json()["timings_ms"].keys()

    async def test_counts_within_the_collections_and_whatever_the_filter(
        self, shelf: Shelf, asking: ASGIApp, local_issuer: LocalIssuer
    ) -> None:
        mine = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(mine, "A lighthouse of mine.")
        gone = await shelf.add_document(mine, "A lighthouse that fell.")
        await shelf.delete(gone)
        hidden = AccessRule.model_validate({"any_of": ["group:/board"]})
        await shelf.add_document(mine, "The lighthouse burns.", rule=hidden, creator="ben")
        body = {
            "query": "lighthouse",
            "explain": True,
            "collections": [str(mine)],
            "filter": {"type": "eq", "key": "year", "value": 1999},
        }
        caller = CallerSpec(roles=("member", "auditor"))
        async with make_client(asking, local_issuer, caller) as client:
            found = (await client.post(SEARCH, json=body)).json()
        assert found["results"] == []
        assert found["explain"]["withheld"] == {"documents": 1, "chunks": 1}

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

    @pytest.mark.parametrize(
        ("wanted", "pointers"),
        [
            ({"type": "eq", "key": "a b", "value": 1}, ["/filter/key"]),
            ({"type": "eq", "key": "a", "value": {}}, ["/filter/value"]),
            ({"type": "and", "filters": []}, ["/filter/filters"]),
            (
                {"type": "or", "filters": [{"type": "in", "key": "a", "value": [1, None]}]},
                ["/filter/filters/0/value/1"],
            ),
        ],
    )
    async def test_points_into_the_filter_that_was_sent(
        self,
        asking: ASGIApp,
        local_issuer: LocalIssuer,
        wanted: dict[str, object],
        pointers: list[str],
    ) -> None:
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            answer = await client.post(SEARCH, json={"query": "x", "filter": wanted})
        assert [fault["pointer"] for fault in answer.json()["errors"]] == pointers

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

    async def test_no_body_breaks_it(self, asking: ASGIApp, local_issuer: LocalIssuer) -> None:
        headers = {"content-type": "application/json"}
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            for body, status in BODIES:
                answer = await client.post(SEARCH, content=body, headers=headers)
                assert answer.status_code == status, (body[:60], answer.text)
                kind = "application/json" if status == 200 else "application/problem+json"
                assert answer.headers["content-type"] == kind


class TestNarrowing:
    """Whatever a caller asks for narrows what they may see, and never widens it."""

    async def test_by_metadata_collection_and_mode(
        self, shelf: Shelf, asking: ASGIApp, local_issuer: LocalIssuer
    ) -> None:
        docks = await shelf.add_collection({"everyone": "reader"})
        for name, year in (("old.txt", 1998), ("new.txt", 2026)):
            await shelf.add_document(
                docks,
                f"Gulls of {year}.",
                name=name,
                metadata={"year": year, "tags": ["port", name]},
            )

        async def found(**wanted: object) -> list[str]:
            body = {"query": "gulls", **wanted}
            answer = await client.post(SEARCH, json=body)
            assert answer.status_code == 200, answer.text
            return sorted(result["document_name"] for result in answer.json()["results"])

        recent = {"type": "gte", "key": "year", "value": 2000}
        not_new = {"type": "ne", "key": "tags", "value": "new.txt"}
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            assert await found() == ["log.txt", "new.txt", "old.txt"]
            assert await found(filter=recent) == ["new.txt"]
            assert await found(filter=not_new) == ["log.txt", "old.txt"]
            both = {"type": "and", "filters": [recent, not_new]}
            assert await found(filter=both) == []
            assert await found(collections=[str(docks)]) == ["new.txt", "old.txt"]
            assert await found(collections=[str(docks)] * 2, top_k=1, filter=not_new) == ["old.txt"]
            assert await found(mode="lexical", query="1998") == ["old.txt"]
            assert await found(mode="lexical", query="zeppelin") == []
            anything = {"type": "ne", "key": "year", "value": 0}
            assert "plan.txt" not in await found(filter=anything, query="lighthouse", top_k=100)

    @pytest.mark.parametrize("explain", [True, False])
    async def test_says_nothing_of_what_was_withheld(
        self, asking: ASGIApp, local_issuer: LocalIssuer, *, explain: bool
    ) -> None:
        body = {"query": "lighthouse sold", "explain": explain}
        async with make_client(asking, local_issuer, CallerSpec()) as client:
            answer = await client.post(SEARCH, json=body)
        found = answer.json()
        assert [result["document_name"] for result in found["results"]] == ["log.txt"]
        assert (found["explain"] is None) is not explain
        assert not explain or found["explain"]["candidates"] == 1
