import pytest

from muniment.evaluation.metrics import holds_answer, ndcg, recall, reciprocal_rank

GAINS = {"a": 1.0, "b": 3.0}


class TestRankings:
    def test_ndcg_counts_gains_linearly(self) -> None:
        assert ndcg(["b", "a"], GAINS, 10) == 1.0
        assert ndcg(["x", "b"], GAINS, 10) == pytest.approx((3 / 1.584963) / (3 + 1 / 1.584963))
        assert ndcg(["x", "b"], GAINS, 1) == 0.0

    def test_recall_is_the_share_found(self) -> None:
        assert recall(["x", "a", "b"], GAINS, 2) == 0.5
        assert recall(["a", "b"], {}, 2) == 0.0

    def test_reciprocal_rank_is_that_of_the_first(self) -> None:
        assert reciprocal_rank(["x", "a", "b"], GAINS, 10) == 0.5
        assert reciprocal_rank(["x", "a"], GAINS, 1) == 0.0


class TestAnswers:
    def test_case_and_marks_do_not_matter(self) -> None:
        assert holds_answer(["It costs 1,400 Crowns."], ["1.400 crowns"])

    def test_an_answer_must_stand_in_one_quote(self) -> None:
        assert not holds_answer(["It costs 1,400", "crowns."], ["1,400 crowns"])
        assert not holds_answer(["anything"], ["", "?"])
        assert not holds_answer([], ["words"])

    @pytest.mark.parametrize(
        ("quote", "answer", "holds"),
        [
            ("Within 28 days.", "8 days", False),
            ("Within 8 daysailers.", "8 days", False),
            ("Within 8 days.", "8 days", True),
            ("8 days", "8 days", True),
            ("我住在北京市。", "北京", True),
            ("我住在北京市。", "京北", False),
        ],
    )
    def test_whole_words_count(self, quote: str, answer: str, *, holds: bool) -> None:
        assert holds_answer([quote], [answer]) is holds
