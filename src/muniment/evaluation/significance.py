"""How far a figure can be trusted that was measured on so many questions.

Percentile bootstrap (Efron 1979): questions are drawn anew, with the same seed at every run, and
the middle 95 % of the means that come out are the interval. A difference is drawn over questions
that both sides were asked, so that hard and easy ones do not hide it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
_SEED = 1
_MIDDLE = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and where it would lie for other questions of the kind, 95 times in 100."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    """Give the mean of what was measured for each question, with its interval."""
    measured = np.asarray(values, np.float64)
    dice = np.random.default_rng(_SEED)
    # Drawn one by one: all draws of a large set at once would be hundreds of megabytes.
    means = [
        measured[dice.integers(0, len(measured), len(measured))].mean() for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(means, _MIDDLE)
    return Interval(float(measured.mean()), float(low), float(high))


def difference(after: Mapping[str, float], before: Mapping[str, float]) -> Interval | None:
    """Compare two measurements question by question; None where they share no question."""
    shared = sorted(after.keys() & before.keys())
    if not shared:
        return None
    return interval([after[question] - before[question] for question in shared])


def share(among: Sequence[bool], of: Sequence[bool]) -> Interval:
    """Give how many of the second are of the first as well; none of none is a share of nought."""
    both = np.logical_and(among, of).astype(np.float64)
    whole = np.asarray(of, np.float64)
    dice = np.random.default_rng(_SEED)
    shares = []
    for _ in range(RESAMPLES):
        drawn = dice.integers(0, len(whole), len(whole))
        shares.append(both[drawn].sum() / max(whole[drawn].sum(), 1.0))
    low, high = np.percentile(shares, _MIDDLE)
    return Interval(float(both.sum() / max(whole.sum(), 1.0)), float(low), float(high))
