import random
from dataclasses import replace

import numpy as np
import pytest
from typing_extensions import override

from muniment.index.pgvector import PgVectorStore
from muniment.index.recall import (
    Measured,
    Place,
    Question,
    largest_places,
    measure_recall,
    sample_questions,
)
from muniment.index.search_settings import ArmSettings
from muniment.ports.vectors import CandidateQuery, Candidates, Reach
from muniment.postgres.unit_of_work import Transactions
from tests.support.chunks import add_chunks
from tests.support.searching import WIDE
from tests.support.shelf import Shelf


class Forgetful(PgVectorStore):
    """A store whose indexes find every second chunk only."""

    @override
    async def candidates(self, query: CandidateQuery, reach: Reach) -> Candidates:
        found = await super().candidates(query, reach)
        kept = sorted(found.items, key=lambda item: -((item.dense or 0.0) + (item.lexical or 0.0)))
        return replace(found, items=kept[1::2])


async def fill(shelf: Shelf, count: int) -> None:
    dice, rng = random.Random(1), np.random.default_rng(1)
    for _ in range(2):
        collection = await shelf.add_collection({"everyone": "reader"})
        vectors = rng.normal(size=(count, shelf.space.dimension))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        await add_chunks(
            shelf,
            collection,
            [{dice.randint(1, 40): 1.0 for _ in range(8)} for _ in range(count)],
            each=2,
            vectors=vectors.tolist(),
        )
        count //= 2
    await shelf.fold()


def owner_of(shelf: Shelf) -> Transactions:
    return Transactions(shelf.database.owner)


async def measured(
    shelf: Shelf, kind: type[PgVectorStore] = PgVectorStore, arms: ArmSettings = WIDE
) -> list[Measured]:
    async with owner_of(shelf).begin(None) as session:
        [place] = (await largest_places(session, 0))[:1]
        questions = await sample_questions(session, shelf.space, place, 8)
        assert len({question.chunk_id for question in questions}) == 8
        return await measure_recall(kind(session, shelf.space, arms), place, questions)


class TestLargestPlaces:
    async def test_are_the_tenant_and_its_largest_collections(self, shelf: Shelf) -> None:
        await fill(shelf, 40)
        async with owner_of(shelf).begin(None) as session:
            whole, first, second = await largest_places(session, 5)
            assert await largest_places(session, 1) == [whole, first]
        assert (whole.collection_id, whole.chunks) == (None, 60)
        assert (first.chunks, second.chunks) == (40, 20)

    async def test_name_a_lone_collection_once(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        await add_chunks(shelf, collection, [{1: 1.0}])
        async with owner_of(shelf).begin(None) as session:
            assert await largest_places(session, 5) == [Place(shelf.tenant_id, None, 1)]

    async def test_are_none_where_nothing_is(self, shelf: Shelf) -> None:
        async with owner_of(shelf).begin(None) as session:
            assert await largest_places(session, 5) == []


class TestMeasureRecall:
    async def test_of_indexes_that_find_everything_is_one(self, shelf: Shelf) -> None:
        await fill(shelf, 80)
        found = await measured(shelf)
        assert {one.arm: one.recall for one in found} == {
            "lexical": 1.0,
            "dense": pytest.approx(1.0, abs=0.05),
        }

    async def test_of_indexes_that_find_half_is_half(self, shelf: Shelf) -> None:
        await fill(shelf, 80)
        found = await measured(shelf, Forgetful)
        assert {one.arm for one in found} == {"lexical", "dense"}
        assert all(0.3 < one.recall < 0.7 for one in found)

    async def test_says_nothing_where_everything_is_compared(self, shelf: Shelf) -> None:
        await fill(shelf, 40)
        assert await measured(shelf, arms=ArmSettings()) == []

    async def test_asks_in_one_collection_for_its_own_chunks(self, shelf: Shelf) -> None:
        await fill(shelf, 40)
        async with owner_of(shelf).begin(None) as session:
            _, first, _ = await largest_places(session, 2)
            questions: list[Question] = await sample_questions(session, shelf.space, first, 99)
            assert len(questions) == 20
            found = await measure_recall(
                PgVectorStore(session, shelf.space, WIDE), first, questions
            )
        assert {one.place for one in found} == {first}
