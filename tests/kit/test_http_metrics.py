import pytest
from prometheus_client import CollectorRegistry

from muniment.kit.http_metrics import HttpMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


class TestHttpMetrics:
    def test_counts_and_times_each_kind_of_answer_apart(self, registry: CollectorRegistry) -> None:
        metrics = HttpMetrics(registry)
        for status, duration_s in ((200, 0.01), (200, 0.02), (404, 7.0)):
            metrics.record("GET", "/notes/{id}", status, duration_s)
        good = {"method": "GET", "route": "/notes/{id}", "status": "200"}
        bad = {**good, "status": "404"}
        count, seconds = "muniment_http_requests_total", "muniment_http_request_duration_seconds"
        assert registry.get_sample_value(count, good) == 2
        assert registry.get_sample_value(count, bad) == 1
        assert registry.get_sample_value(f"{seconds}_sum", good) == pytest.approx(0.03)
        assert registry.get_sample_value(f"{seconds}_bucket", {**bad, "le": "5.0"}) == 0
        assert registry.get_sample_value(f"{seconds}_bucket", {**bad, "le": "10.0"}) == 1

    @pytest.mark.parametrize("verb", ["get", "PROPFIND", "", "GET ", "\U0001f600"])
    def test_verbs_that_nobody_needs_share_a_label(
        self, registry: CollectorRegistry, verb: str
    ) -> None:
        assert HttpMetrics(registry).record(verb, "/", 405, 0.1) == "OTHER"
        labels = {"method": "OTHER", "route": "/", "status": "405"}
        assert registry.get_sample_value("muniment_http_requests_total", labels) == 1

    def test_a_thousand_strange_verbs_make_one_series(self, registry: CollectorRegistry) -> None:
        metrics = HttpMetrics(registry)
        for number in range(1000):
            metrics.record(f"VERB{number}", "unmatched", 404, 0.1)
        (family,) = (one for one in registry.collect() if one.name == "muniment_http_requests")
        assert len([one for one in family.samples if one.name.endswith("_total")]) == 1

    def test_two_applications_of_one_process_do_not_meet(self) -> None:
        first, second = CollectorRegistry(), CollectorRegistry()
        HttpMetrics(first).record("GET", "/", 200, 0.1)
        HttpMetrics(second)
        labels = {"method": "GET", "route": "/", "status": "200"}
        assert second.get_sample_value("muniment_http_requests_total", labels) is None
