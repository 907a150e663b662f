"""How often what is kept in memory was of use, for Prometheus."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class HitFigures:
    """How often something was found in memory since the process began, and how often it was not."""

    hits: int
    misses: int


class HitMetrics(Collector):
    """Reads the figures when they are asked for, so that a hit costs no more than it did."""

    def __init__(self, kept: Mapping[str, Callable[[], HitFigures]]) -> None:
        self._kept = kept

    @override
    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give one counter, by what is kept and whether it was there."""
        family = CounterMetricFamily(
            "muniment_cache_lookups", "Looks into a cache.", labels=("cache", "outcome")
        )
        for name, read in self._kept.items():
            figures = read()
            family.add_metric((name, "hit"), figures.hits)
            family.add_metric((name, "miss"), figures.misses)
        yield family
