import random
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.ports.vectors import Candidate
from muniment.retrieval.fusion import Fusion, RankedChunk

DOCUMENT = UUID(int=1)
SCORES = st.floats(-1, 50, allow_nan=False) | st.none()


def candidate(number: int, dense: float | None, lexical: float | None) -> Candidate:
    return Candidate(number, DOCUMENT, dense, lexical)


def fuse(candidates: Sequence[Candidate], lexical_share: float) -> list[RankedChunk]:
    return Fusion.of(candidates, lexical_share).ranked()


class TestFuse:
    def test_weighs_both_arms_in_standard_deviations(self) -> None:
        ranked = fuse([candidate(1, 0.2, 9.0), candidate(2, 0.8, 1.0)], 0.4)
        assert [chunk.chunk_id for chunk in ranked] == [2, 1]
        assert ranked[0].fused == pytest.approx(0.2)
        assert ranked[0].score == pytest.approx(0.549834)

    def test_words_win_where_the_embedder_does_not_know_the_language(self) -> None:
        ranked = fuse([candidate(1, 0.2, 9.0), candidate(2, 0.8, 1.0)], 0.8)
        assert [chunk.chunk_id for chunk in ranked] == [1, 2]

    def test_one_arm_alone_keeps_its_own_order(self) -> None:
        ranked = fuse([candidate(n, None, float(n)) for n in (2, 3, 1)], 0.4)
        assert [chunk.chunk_id for chunk in ranked] == [3, 2, 1]
        assert [chunk.lexical.rank for chunk in ranked if chunk.lexical] == [1, 2, 3]
        assert ranked[0].dense is None

    def test_a_chunk_without_a_vector_is_as_far_as_the_farthest(self) -> None:
        ranked = fuse(
            [candidate(1, 0.1, 1.0), candidate(2, None, 1.0), candidate(3, 0.9, 1.0)], 0.4
        )
        standings = {chunk.chunk_id: chunk.dense for chunk in ranked}
        assert standings[2] is not None
        assert standings[2].score == 0.1

    def test_equals_stand_in_the_order_of_their_ids(self) -> None:
        ranked = fuse([candidate(n, 0.5, 1.0) for n in (3, 1, 2)], 0.4)
        assert [(chunk.chunk_id, chunk.score) for chunk in ranked] == [(1, 0.5), (2, 0.5), (3, 0.5)]

    @pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 100])
    @pytest.mark.parametrize("value", [0.1, 0.7, 0.0, -0.3, 12.34567, 1e-12, 47.1])
    def test_equals_are_average_whatever_they_score(self, count: int, value: float) -> None:
        for scores in ((None, value), (value, None), (value, 3 * value)):
            ranked = fuse([candidate(n, *scores) for n in range(count)], 0.4)
            assert [chunk.chunk_id for chunk in ranked] == list(range(count))
            assert {chunk.score for chunk in ranked} == {0.5}

    def test_an_arm_in_which_all_are_equal_leaves_the_choice_to_the_other(self) -> None:
        scores = [0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2]
        assert scores[0] != scores[1]
        ranked = fuse([candidate(n, score, float(n)) for n, score in enumerate(scores)], 0.05)
        assert [chunk.chunk_id for chunk in ranked] == [3, 2, 1, 0]

    @given(st.lists(st.floats(0, 50), min_size=2, max_size=30), st.floats(0, 1))
    def test_the_average_candidate_scores_in_the_middle(
        self, scores: list[float], share: float
    ) -> None:
        ranked = fuse([candidate(n, score, score / 3) for n, score in enumerate(scores)], share)
        assert sum(chunk.fused for chunk in ranked) == pytest.approx(0.0, abs=1e-6)

    @given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=20), st.floats(0, 1))
    def test_who_is_better_in_both_arms_is_never_behind(
        self, scores: list[tuple[float | None, float | None]], share: float
    ) -> None:
        ranked = fuse([candidate(n, *pair) for n, pair in enumerate(scores)], share)
        for place, worse in enumerate(ranked):
            for better in ranked[:place]:
                arms = [(better.lexical, worse.lexical), (better.dense, worse.dense)]
                known = [(one, other) for one, other in arms if one and other]
                assert not known or any(one.score >= other.score - 1e-9 for one, other in known)

    def test_nothing_is_no_fault(self) -> None:
        assert fuse([], 0.4) == []

    @given(st.lists(st.tuples(SCORES, SCORES), max_size=30))
    def test_every_candidate_comes_out_once_and_best_first(
        self, scores: list[tuple[float | None, float | None]]
    ) -> None:
        given_candidates = [candidate(n, *pair) for n, pair in enumerate(scores)]
        ranked = fuse(given_candidates, 0.4)
        assert sorted(chunk.chunk_id for chunk in ranked) == list(range(len(scores)))
        assert [chunk.fused for chunk in ranked] == sorted(
            (chunk.fused for chunk in ranked), reverse=True
        )
        assert all(0.0 <= chunk.score <= 1.0 for chunk in ranked)


class TestOrderOfCandidates:
    @given(
        scores=st.lists(st.sampled_from([0.0, 0.1, 0.25]), min_size=1, max_size=12),
        seed=st.randoms(use_true_random=False),
    )
    def test_changes_nothing(self, scores: list[float], seed: random.Random) -> None:
        candidates = [
            Candidate(number, UUID(int=number), dense=score, lexical=score / 3)
            for number, score in enumerate(scores)
        ]
        shuffled = seed.sample(candidates, len(candidates))

        assert fuse(shuffled, 0.4) == fuse(candidates, 0.4)
