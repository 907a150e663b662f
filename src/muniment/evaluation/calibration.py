"""Fits how likely an answer is to be right, and says what each operating point would be worth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pydantic import JsonValue

from muniment.answers.confidence import Calibration, Signals
from muniment.evaluation.significance import Interval, share

POINTS = tuple(round(step / 20, 2) for step in range(20))
_RIDGE = 1e-4
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked once, with the article that answers it or without."""

    signals: Signals | None
    """None where nothing was found that could be quoted."""
    confidence: float
    is_answerable: bool
    is_right: bool
    """Whether it is answerable and the answer stands in the quotes."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a threshold would be worth; each figure with its 95 % interval."""

    abstain_below: float
    asked: Sequence[Asked]

    def figures(self) -> dict[str, Interval]:
        """Give precision and recall, of the answers and of the silence."""
        given = [each.confidence >= self.abstain_below for each in self.asked]
        right = [each.is_right for each in self.asked]
        answerable = [each.is_answerable for each in self.asked]
        silent = [not one for one in given]
        left_out = [not one for one in answerable]
        return {
            "precision": share(right, given),
            "recall": share(_both(right, given), answerable),
            "silence_precision": share(left_out, silent),
            "silence_recall": share(silent, left_out),
        }

    def as_json(self) -> dict[str, JsonValue]:
        """Give the figures as programs read them."""
        figures = self.figures()
        return {
            "abstain_below": self.abstain_below,
            **{name: round(each.mean, 4) for name, each in figures.items()},
            "intervals": {
                name: [round(each.low, 4), round(each.high, 4)] for name, each in figures.items()
            },
        }


def fit(asked: Sequence[Asked], names: Sequence[str]) -> Calibration | None:
    """Fit the named signals by Newton's method; None where one of them was never there.

    The ridge is on signals scaled to their spread: without it, a set whose questions are all
    answered rightly would have no finite solution.
    """
    told = [asdict(each.signals) for each in asked if each.signals is not None]
    if not told or any(one[name] is None for one in told for name in names):
        return None
    right = np.array([each.is_right for each in asked if each.signals is not None], np.float64)
    values = np.array([[one[name] for name in names] for one in told], np.float64)
    middle, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    scaled = np.column_stack([(values - middle) / spread, np.ones(len(values))])
    found = np.zeros(scaled.shape[1])
    ridge = _RIDGE * len(values) * np.diag([*np.ones(len(names)), 0.0])
    for _ in range(_STEPS):
        likely = 1.0 / (1.0 + np.exp(-np.clip(scaled @ found, -30.0, 30.0)))
        bend = (scaled * (likely * (1.0 - likely))[:, None]).T @ scaled + ridge
        found += np.linalg.lstsq(bend, scaled.T @ (right - likely) - ridge @ found, rcond=None)[0]
    weights = found[:-1] / spread
    bias = float(found[-1] - weights @ middle)
    return Calibration(bias, {name: float(w) for name, w in zip(names, weights, strict=True)})


def _both(one: Sequence[bool], other: Sequence[bool]) -> list[bool]:
    return [first and second for first, second in zip(one, other, strict=True)]
