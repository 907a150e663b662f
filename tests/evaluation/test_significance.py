import pytest

from muniment.evaluation.significance import difference, interval


class TestInterval:
    def test_lies_around_the_mean_and_is_the_same_at_every_run(self) -> None:
        values = [float(n % 3 == 0) for n in range(300)]
        found = interval(values)
        assert found == interval(values)
        assert found.mean == pytest.approx(1 / 3)
        # The standard error of a share: sqrt(p (1 - p) / n) = .0272.
        assert found.low == pytest.approx(1 / 3 - 1.96 * 0.0272, abs=0.01)
        assert found.high == pytest.approx(1 / 3 + 1.96 * 0.0272, abs=0.01)

    def test_of_equal_values_is_a_point(self) -> None:
        found = interval([0.5, 0.5, 0.5])
        assert (found.low, found.mean, found.high) == (0.5, 0.5, 0.5)


class TestDifference:
    def test_is_paired_so_that_hard_questions_do_not_blur_it(self) -> None:
        before = {str(n): n / 100 for n in range(100)}
        after = {question: value + 0.01 for question, value in before.items()}
        found = difference(after, before)
        assert found is not None
        assert found.low == pytest.approx(0.01)
        assert found.high == pytest.approx(0.01)

    def test_counts_only_questions_of_both(self) -> None:
        found = difference({"a": 1.0, "b": 0.0}, {"b": 1.0, "c": 1.0})
        assert found is not None
        assert found.mean == -1.0
        assert difference({"a": 1.0}, {"b": 1.0}) is None
