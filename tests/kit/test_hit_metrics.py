from prometheus_client import CollectorRegistry, generate_latest

from muniment.kit.hit_metrics import HitFigures, HitMetrics


def test_figures_are_read_when_they_are_asked_for() -> None:
    figures = HitFigures(0, 0)
    registry = CollectorRegistry(auto_describe=True)
    registry.register(HitMetrics({"tokens": lambda: figures}))
    figures = HitFigures(3, 1)
    told = generate_latest(registry).decode()
    assert 'muniment_cache_lookups_total{cache="tokens",outcome="hit"} 3.0' in told
    assert 'muniment_cache_lookups_total{cache="tokens",outcome="miss"} 1.0' in told
