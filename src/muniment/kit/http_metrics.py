"""Requests counted and timed for Prometheus, by verb, route and status; never by id.

The number of label values is bounded on purpose: unknown verbs and unknown paths share one
label each, so that a scanner cannot fill the memory.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram

_VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class HttpMetrics:
    """The two measurements of the HTTP edge, in a registry that belongs to one application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self._requests = Counter(
            "muniment_http_requests", "Requests answered.", labels, registry=registry
        )
        self._durations = Histogram(
            "muniment_http_request_duration_seconds",
            "From the first byte asked to the last byte sent.",
            labels,
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def record(self, verb: str, route: str, status: int, duration_s: float) -> str:
        """Count one request and give back the verb as it was labelled."""
        method = verb if verb in _VERBS else "OTHER"
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = (self._requests.labels(*key), self._durations.labels(*key))
            self._children[key] = children
        children[0].inc()
        children[1].observe(duration_s)
        return method
