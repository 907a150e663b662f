import asyncio
from datetime import timedelta

from muniment.app.operations import Readiness, ReadinessCheck
from muniment.kit.errors import ConfigurationError
from tests.support.demo_app import create_demo_app
from tests.support.problem_walk import client_of


async def fine() -> None:
    """Hold."""


async def misconfigured() -> None:
    raise ConfigurationError("The schema is older than this program.")


async def leaking() -> None:
    raise RuntimeError("password=hunter2 for db.internal")


async def hanging() -> None:
    await asyncio.Event().wait()


class TestHealth:
    async def test_is_ok_whatever_the_checks_say(self) -> None:
        app = create_demo_app(readiness=Readiness([ReadinessCheck("database", leaking)]))
        async with client_of(app) as client:
            response = await client.get("/healthz")
        assert response.json() == {"status": "ok"}


class TestReadiness:
    async def test_is_ready_when_every_check_holds(self) -> None:
        app = create_demo_app(readiness=Readiness([ReadinessCheck("database", fine)]))
        async with client_of(app) as client:
            response = await client.get("/readyz")
        assert response.status_code == 200
        assert response.json() == {"status": "ready", "checks": {"database": "ok"}}

    async def test_names_what_failed_and_hides_why(self) -> None:
        readiness = Readiness(
            [
                ReadinessCheck("schema", misconfigured),
                ReadinessCheck("database", leaking),
                ReadinessCheck("store", hanging),
                ReadinessCheck("model", fine),
            ],
            timeout=timedelta(milliseconds=20),
        )
        async with client_of(create_demo_app(readiness=readiness)) as client:
            response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {
            "status": "not_ready",
            "checks": {
                "schema": "The schema is older than this program.",
                "database": "It failed; the log has the details.",
                "store": "There was no answer in time.",
                "model": "ok",
            },
        }


class TestMetrics:
    async def test_speaks_the_text_format(self) -> None:
        async with client_of(create_demo_app()) as client:
            await client.get("/healthz")
            response = await client.get("/metrics")
        assert response.headers["content-type"].startswith("text/plain")
        assert 'muniment_http_requests_total{method="GET",route="/healthz"' in response.text
        assert "muniment_http_request_duration_seconds_bucket" in response.text
