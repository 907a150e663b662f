"""The closer look: over fakes for its arithmetic, over a real index for its way there."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import pytest
from typing_extensions import override

from muniment.index.token_states import QuestionStates, packed_states
from muniment.ports.embedding import Vector
from muniment.ports.vectors import (
    Candidate,
    CandidateQuery,
    Candidates,
    Capabilities,
    CloseLook,
    Reach,
    VectorStore,
)
from muniment.retrieval.closeness import CloserLook, WeighedWords
from muniment.retrieval.fusion import Fusion
from muniment.retrieval.schemas import SearchRequest, SearchResponse
from muniment.retrieval.settings import ClosenessSettings
from tests.support.database import TestDatabase
from tests.support.searching import make_search, open_shelf
from tests.support.shelf import Shelf
from tests.support.statements import counted_statements
from tests.support.word_states import WordStatesEmbedder

DOCUMENT = UUID(int=1)
DIMENSION = 64


def unit(*numbers: float) -> Vector:
    vector = np.array(numbers, np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@dataclass
class FakeStore(VectorStore):
    """Holds vectors and states by chunk; keeps what it was asked for."""

    looks: Mapping[int, CloseLook]
    asked: list[Sequence[int]] = field(default_factory=list)
    moved: list[Vector] = field(default_factory=list)

    @property
    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset(), live_walls=True, close_looks=True)

    @override
    async def candidates(self, query: CandidateQuery, reach: Reach) -> Candidates:
        raise AssertionError("a closer look searches for nothing")

    @override
    async def close_looks(self, chunk_ids: Sequence[int]) -> Mapping[int, CloseLook]:
        self.asked.append(chunk_ids)
        return {one: self.looks[one] for one in chunk_ids if one in self.looks}

    @override
    async def cosines(self, vector: Vector, chunk_ids: Sequence[int]) -> Mapping[int, float]:
        self.moved.append(vector)
        return {
            one: float(self.looks[one].vector @ vector) for one in chunk_ids if one in self.looks
        }


async def states_of(text: str) -> tuple[QuestionStates, bytes]:
    (made,) = [one async for one in WordStatesEmbedder(DIMENSION).embed_tokens([text])]
    return QuestionStates.of(text, made), packed_states(text, made, "en")


async def store_of(texts: Mapping[int, str]) -> FakeStore:
    """Hold the states of texts, all with the same vector."""
    states = {chunk_id: (await states_of(text))[1] for chunk_id, text in texts.items()}
    return FakeStore({one: CloseLook(unit(1, 0), bits) for one, bits in states.items()})


async def look(store: FakeStore, question: str, **settings: float) -> CloserLook:
    states, _ = await states_of(question)
    words = WeighedWords(states, [1.0] * len(states.words))
    changed = ClosenessSettings.model_validate(settings)
    return CloserLook(store, unit(1, 0), words, changed)


def fused(*cosines: float | None) -> Fusion:
    """Make candidates 1, 2, … with such cosines and no words."""
    numbered = enumerate(cosines, 1)
    return Fusion.of([Candidate(n, DOCUMENT, cosine, 0.0) for n, cosine in numbered], 0.4)


def order(fusion: Fusion) -> list[int]:
    return [chunk.chunk_id for chunk in fusion.ranked()]


class TestByWords:
    async def test_the_passage_with_the_words_wins_among_near_equals(self) -> None:
        texts = {1: "boat", 2: "gull", 3: "tide"}
        store = FakeStore(
            {n: CloseLook(unit(1, 0), (await states_of(t))[1]) for n, t in texts.items()}
        )
        closer = await (await look(store, "gull", feedback_passages=0)).at(fused(0.9, 0.89, 0.1))
        assert order(closer) == [2, 1, 3]
        assert closer.ranked()[0].closely == pytest.approx(1.0, abs=1e-3)

    async def test_what_lies_below_the_top_stays_below_it(self) -> None:
        _, right = await states_of("gull")
        _, wrong = await states_of("boat")
        looks = {n: CloseLook(unit(1, 0), wrong) for n in (1, 2)} | {
            3: CloseLook(unit(1, 0), right)
        }
        store = FakeStore(looks)
        closer = await (await look(store, "gull", feedback_passages=0, candidates=2)).at(
            fused(0.9, 0.8, 0.79)
        )
        assert order(closer)[-1] == 3
        assert store.asked == [[1, 2]]
        scores = [chunk.fused for chunk in closer.ranked()]
        assert scores == sorted(scores, reverse=True)

    async def test_a_passage_without_states_keeps_its_place(self) -> None:
        _, right = await states_of("gull")
        _, wrong = await states_of("boat")
        states = {1: wrong, 2: None, 3: right, 4: wrong}
        store = FakeStore({n: CloseLook(unit(1, 0), bits) for n, bits in states.items()})
        first = fused(0.9, 0.7, 0.5, 0.1)
        closer = await (await look(store, "gull", feedback_passages=0)).at(first)
        places = {chunk.chunk_id: chunk for chunk in closer.ranked()}
        assert places[2].fused == pytest.approx(first.fused[1])
        assert places[2].closely is None

    @pytest.mark.parametrize("share", [0.0, 1.0])
    async def test_the_share_decides_between_both(self, share: float) -> None:
        texts = {1: "boat", 2: "gull"}
        store = FakeStore(
            {n: CloseLook(unit(1, 0), (await states_of(t))[1]) for n, t in texts.items()}
        )
        closer = await (await look(store, "gull", feedback_passages=0, share=share)).at(
            fused(0.9, 0.1)
        )
        assert order(closer) == ([1, 2] if share == 0.0 else [2, 1])

    async def test_nothing_known_changes_nothing(self) -> None:
        first = fused(0.9, 0.1)
        store = FakeStore({})
        assert order(await (await look(store, "gull")).at(first)) == order(first)
        assert order(await (await look(store, "gull")).at(Fusion.of([], 0.4))) == []


class TestFeedback:
    async def test_moves_the_question_towards_the_best(self) -> None:
        _, right = await states_of("gull")
        _, wrong = await states_of("boat")
        looks = {
            1: CloseLook(unit(1, 1), right),
            2: CloseLook(unit(1, -0.5), wrong),
            3: CloseLook(unit(1, 0.9), wrong),
        }
        store = FakeStore(looks)
        settings = {"feedback_passages": 1, "feedback_share": 1.0, "share": 0.5}
        first = fused(*(float(looks[n].vector @ unit(1, 0)) for n in (1, 2, 3)))
        assert order(first) == [2, 3, 1]
        closer = await (await look(store, "gull", **settings)).at(first)
        assert store.moved[0] == pytest.approx(unit(*(unit(1, 0) + unit(1, 1))), abs=1e-6)
        assert order(closer) == [1, 3, 2]

    async def test_leaves_the_standings_that_are_told(self) -> None:
        store = FakeStore({n: CloseLook(unit(1, n), None) for n in (1, 2)})
        closer = await (await look(store, "gull")).at(fused(0.9, 0.1))
        told = {chunk.chunk_id: chunk.dense for chunk in closer.ranked()}
        assert told[1] is not None
        assert told[1].score == 0.9


@pytest.fixture
async def shelf(database: TestDatabase) -> AsyncIterator[Shelf]:
    async with open_shelf(database, embedder=WordStatesEmbedder(DIMENSION)) as opened:
        yield opened


class TestSearch:
    async def test_explains_what_the_closer_look_gave(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        for number, text in enumerate(["A gull counts boats.", "Boats sail.", "Tides turn."]):
            await shelf.add_document(collection, text, name=f"{number}.txt")
        search, principal = make_search(shelf), await shelf.principal()
        request = SearchRequest(query="Which gull counts boats?", explain=True)
        response = SearchResponse.of(await search.search(principal, request), explain=True)
        assert response.results[0].text == "A gull counts boats."
        closely = [one.explain.closely for one in response.results if one.explain]
        assert closely[0] == pytest.approx(1.0, abs=1e-2)
        assert all(one is not None and one < 0.9 for one in closely[1:])

    @pytest.mark.parametrize(
        ("wanted", "is_close"),
        [
            ({"mode": "hybrid"}, True),
            ({"mode": "hybrid", "rerank": True}, True),
            ({"mode": "hybrid", "rerank": False}, False),
            ({"mode": "lexical", "rerank": True}, False),
            ({"mode": "dense", "rerank": True}, False),
        ],
    )
    async def test_is_taken_in_hybrid_mode_unless_the_caller_says_no(
        self, shelf: Shelf, wanted: Mapping[str, object], *, is_close: bool
    ) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(collection, "A gull counts boats.")
        request = SearchRequest.model_validate({"query": "gull", **wanted})
        found = await make_search(shelf).search(await shelf.principal(), request)
        assert [one.ranked.closely is not None for one in found.passages] == [is_close]

    async def test_takes_as_many_statements_for_one_candidate_as_for_fifty(
        self, shelf: Shelf
    ) -> None:
        principal = await shelf.principal()
        collections = [await shelf.add_collection({"everyone": "reader"}) for _ in range(2)]
        await shelf.add_document(collections[0], "A gull counts boats.")
        for number in range(50):
            await shelf.add_document(collections[1], f"Gull {number}.", name=f"{number}.txt")
        counts = []
        for collection in collections:
            with counted_statements() as statements:
                await make_search(shelf).search(
                    principal, SearchRequest(query="gull", collections=[collection])
                )
            counts.append(len(statements))
        # The fifty may bring others to the top in the second look, which are fetched then.
        assert counts[1] - counts[0] <= 1
