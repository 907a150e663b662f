from collections.abc import Sequence
from uuid import UUID

import pytest

from muniment.app.recall_check import judge_recall, measure_all
from muniment.app.settings import Settings
from muniment.index.recall import Arm, Measured, Place
from muniment.kit.errors import ConfigurationError
from muniment.postgres.unit_of_work import Transactions
from tests.support.chunks import add_chunks
from tests.support.database import TestDatabase
from tests.support.searching import open_shelf

WHOLE = Place(3, None, 90_000)
PART = Place(3, UUID(int=1), 20_000)


def one(place: Place, arm: Arm, recall: float) -> Measured:
    return Measured(place, arm, recall)


class TestJudgeRecall:
    @pytest.mark.parametrize(
        "measured", [[], [one(WHOLE, "dense", 0.95)], [one(PART, "lexical", 1.0)]]
    )
    def test_finds_nothing_wrong_where_enough_is_found(self, measured: Sequence[Measured]) -> None:
        judge_recall(list(measured), "hnsw")

    @pytest.mark.parametrize(
        ("place", "arm", "index", "where", "advice"),
        [
            (WHOLE, "dense", "hnsw", "meaning find 8.2 .* in tenant 3", "search.arms.effort"),
            (PART, "dense", "ivfflat", "in collection 0000", "--rebuild-index"),
            (PART, "lexical", "hnsw", "words find 8.2", "search.arms.exact_chunks"),
        ],
    )
    def test_tells_the_worst_and_what_to_do(
        self, place: Place, arm: Arm, index: str, where: str, advice: str
    ) -> None:
        found = [one(WHOLE, "dense", 0.94), one(place, arm, 0.82)]
        with pytest.raises(ConfigurationError, match=where) as refusal:
            judge_recall(found, index)
        assert advice in f"{refusal.value.hint}"


class TestMeasureAll:
    async def test_looks_only_at_what_is_not_compared_whole(self, database: TestDatabase) -> None:
        async with open_shelf(database) as shelf:
            collection = await shelf.add_collection({})
            vectors = [[float(n == m) for m in range(64)] for n in range(30)]
            await add_chunks(
                shelf, collection, [{n % 3 + 1: 1.0} for n in range(30)], vectors=vectors
            )
            await shelf.fold()
            transactions = Transactions(database.owner)
            few = Settings.model_validate({"search": {"arms": {"exact_documents": 10}}})
            assert await measure_all(transactions, shelf.space, Settings()) == []
            found = await measure_all(transactions, shelf.space, few)
            assert {(each.arm, each.place.chunks) for each in found} == {
                ("lexical", 30),
                ("dense", 30),
            }
