import numpy as np
import pytest

from muniment.answers.confidence import Calibration, Signals
from muniment.evaluation.calibration import Asked, OperatingPoint, fit

TRUE = Calibration(-3.0, {"words": 2.0, "meaning": 4.0})


def drawn(count: int) -> list[Asked]:
    """Answers that are right as often as `TRUE` says."""
    dice = np.random.default_rng(7)
    asked = []
    for words, meaning, luck in dice.random((count, 3)):
        signals = Signals(words, 0.0, meaning, None)
        is_right = luck < TRUE.confidence(signals)
        asked.append(Asked(signals, 0.5, is_answerable=is_right, is_right=is_right))
    return asked


class TestFit:
    def test_finds_what_answers_were_drawn_by(self) -> None:
        found = fit(drawn(20_000), ("words", "meaning"))
        assert found is not None
        assert found.bias == pytest.approx(TRUE.bias, abs=0.2)
        assert dict(found.weights) == pytest.approx(dict(TRUE.weights), abs=0.3)

    def test_stays_finite_where_all_is_right_or_a_signal_never_changes(self) -> None:
        same = Signals(0.5, 0.0, 0.5, None)
        found = fit([Asked(same, 0.5, is_answerable=True, is_right=True)] * 9, ("words",))
        assert found is not None
        assert found.confidence(same) > 0.9

    def test_of_a_signal_that_was_not_there_is_none(self) -> None:
        assert fit(drawn(20), ("words", "closely")) is None
        nothing = Asked(None, 0.0, is_answerable=False, is_right=False)
        assert fit([nothing], ("words",)) is None


class TestOperatingPoint:
    def test_counts_answers_and_silence(self) -> None:
        def asked(confidence: float, *, answerable: bool, right: bool) -> Asked:
            return Asked(None, confidence, is_answerable=answerable, is_right=right)

        point = OperatingPoint(
            0.5,
            [
                asked(0.9, answerable=True, right=True),
                asked(0.9, answerable=True, right=False),
                asked(0.5, answerable=False, right=False),
                asked(0.4, answerable=True, right=True),
                asked(0.1, answerable=False, right=False),
            ],
        )
        told = point.figures()
        assert told["precision"].mean == pytest.approx(1 / 3)
        assert told["recall"].mean == pytest.approx(1 / 3)
        assert told["silence_precision"].mean == 0.5
        assert told["silence_recall"].mean == 0.5
        assert all(0.0 <= each.low < each.mean < each.high <= 1.0 for each in told.values())
        assert point.as_json().keys() == {*told, "abstain_below", "intervals"}

    def test_of_no_answers_is_nought(self) -> None:
        asked = [Asked(None, 0.1, is_answerable=True, is_right=True)]
        told = OperatingPoint(0.5, asked).figures()
        assert told["precision"].mean == told["recall"].mean == told["silence_recall"].mean == 0.0
