"""What the benchmark finds: a value, the floor of the same run, and the budget for their ratio."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Budget:
    """What was promised (docs/guides/benchmark.md), of the ratio where there is a floor."""

    limit: float
    at_least: bool = False
    """Whether more is better."""

    def holds(self, value: float) -> bool:
        """Tell whether a value keeps the promise."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result."""

    group: str
    name: str
    value: float
    unit: str
    floor: float | None = None
    budget: Budget | None = None
    of_value: bool = False
    """Whether the budget limits the value itself although there is a floor."""

    @property
    def ratio(self) -> float | None:
        """How many times the floor the value is."""
        return None if self.floor is None else self.value / max(self.floor, 1e-9)

    @property
    def judged(self) -> float:
        """Give the number that the budget limits."""
        return self.value if self.ratio is None or self.of_value else self.ratio

    @property
    def verdict(self) -> str:
        """Say whether the budget is kept."""
        if self.budget is None:
            return ""
        return "ok" if self.budget.holds(self.judged) else "over"

    def as_json(self) -> dict[str, object]:
        """Give all of it, derived numbers included."""
        return asdict(self) | {"ratio": self.ratio, "verdict": self.verdict}


def tell_figures(figures: Sequence[Figure]) -> None:
    """Say what was found so far beside the result: a long run that ends early is not lost."""
    for figure in figures:
        floor = "" if figure.floor is None else f" (floor {_short(figure.floor)})"
        line = f"  {figure.group}: {figure.name}: {_short(figure.value)} {figure.unit}"
        print(f"{line.rstrip()}{floor}", file=sys.stderr, flush=True)


def print_figures(figures: Sequence[Figure]) -> None:
    """Print a table: value, floor, ratio, budget, verdict."""
    table = Table(title="Muniment beside the floors of the same run")
    table.add_column("what")
    for heading in ("value", "floor", "ratio", "budget"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for figure in figures:
        table.add_row(
            f"{figure.group}: {figure.name}",
            f"{_short(figure.value)} {figure.unit}",
            "" if figure.floor is None else f"{_short(figure.floor)}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}x",
            _budget(figure),
            figure.verdict,
            style="red" if figure.verdict == "over" else None,
        )
    Console(width=110).print(table)


def _budget(figure: Figure) -> str:
    if figure.budget is None:
        return ""
    sign = "≥" if figure.budget.at_least else "≤"
    is_ratio = figure.ratio is not None and not figure.of_value
    return f"{sign} {figure.budget.limit:g}{'x' if is_ratio else ' ' + figure.unit}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits
