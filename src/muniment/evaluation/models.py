"""What an evaluation has measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import JsonValue

from muniment.evaluation.significance import Interval, difference, interval

Arm = Literal["hybrid", "lexical", "dense", "plain"]
"""What ranks: the search as callers get it, an arm alone, or both without the closer look."""

ByQuestion: TypeAlias = Mapping[str, float]
"""What was measured, by the question's id."""

Figures: TypeAlias = Mapping[str, ByQuestion]
"""Each figure by its name, for every question that it can be told of."""

ANSWERED = "answer@3"
"""Whether the answer stands in what is quoted."""

_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much better one measurement is than another, in one figure."""

    other: str
    figure: str
    difference: Interval


@dataclass(frozen=True, slots=True)
class Scores:
    """What one arm has reached on one data set."""

    arm: Arm
    figures: Figures
    documents: int
    failed: int
    """Documents that could not be ingested, and so not be found."""

    @property
    def queries(self) -> int:
        """Count the questions that have a relevant document."""
        return len(self.figures["ndcg@10"])

    @property
    def of_search(self) -> Figures:
        """Give what the arm itself has reached: answers are those of the whole, in every row."""
        return {name: values for name, values in self.figures.items() if name != ANSWERED}

    def mean(self, name: str) -> float:
        """Give a figure over all its questions."""
        values = self.figures[name].values()
        return sum(values) / len(values)

    def against(self, others: Mapping[str, Figures]) -> list[Comparison]:
        """Compare with other measurements, by what they are called; questions are paired."""
        return [
            Comparison(other, name, compared)
            for other, before in others.items()
            for name, values in self.figures.items()
            if (compared := difference(values, before.get(name, {}))) is not None
        ]

    def as_json(self) -> dict[str, JsonValue]:
        """Give the figures under the names that programs rely on, and how sure they are."""
        measured = {name: interval(list(each.values())) for name, each in self.figures.items()}
        return {
            **{name: round(each.mean, _DECIMALS) for name, each in measured.items()},
            "queries": self.queries,
            "mode": self.arm,
            "documents": self.documents,
            "failed": self.failed,
            "intervals": {name: _bounds(each) for name, each in measured.items()},
        }


def compared_as_json(comparisons: Sequence[Comparison]) -> dict[str, JsonValue]:
    """Give comparisons by what they are with, and then by the figure."""
    others: dict[str, dict[str, JsonValue]] = {}
    for each in comparisons:
        low, high = _bounds(each.difference)
        mean = round(each.difference.mean, _DECIMALS)
        told: dict[str, JsonValue] = {"difference": mean, "low": low, "high": high}
        others.setdefault(each.other, {})[each.figure] = told
    return dict(others)


def _bounds(measured: Interval) -> list[JsonValue]:
    return [round(measured.low, _DECIMALS), round(measured.high, _DECIMALS)]
