"""The routes that operators and their machines ask: alive, ready, measurements."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse

from muniment.kit.errors import MunimentError

OPERATIONS_TAG = "operations"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """One thing that must hold before requests are sent here; it raises when it does not."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """All checks of this process, run side by side, each within a time."""

    checks: Sequence[ReadinessCheck] = field(default=())
    timeout: timedelta = timedelta(seconds=3)

    async def run(self) -> Mapping[str, str]:
        """Run the checks; what each found is `ok` or one safe sentence."""
        found = await asyncio.gather(*(self._run_one(check) for check in self.checks))
        return {check.name: result for check, result in zip(self.checks, found, strict=True)}

    async def _run_one(self, check: ReadinessCheck) -> str:
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                await check.run()
        except MunimentError as error:
            _log.warning("readiness_check_failed", check=check.name, detail=error.detail)
            return error.detail
        except TimeoutError:
            _log.warning("readiness_check_timed_out", check=check.name)
            return "There was no answer in time."
        except Exception as error:  # noqa: BLE001 # boundary: driver texts may hold secrets
            _log.warning("readiness_check_failed", check=check.name, exc_info=error)
            return "It failed; the log has the details."
        return "ok"


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field(description="Always `ok`: else there would be no answer.")


class ReadinessReport(BaseModel):
    """Whether requests should be sent here, and what each check found."""

    status: Literal["ready", "not_ready"] = Field(description="The sum of the checks.")
    checks: Mapping[str, str] = Field(description="`ok` or a sentence, for each check by name.")


def create_operations_router(readiness: Readiness, registry: CollectorRegistry) -> APIRouter:
    """Make the routes `/healthz`, `/readyz` and `/metrics`."""
    router = APIRouter(tags=[OPERATIONS_TAG])

    @router.get("/healthz", summary="Is the process alive?")
    async def check_health() -> Health:
        """Answer as long as the process can; look at nothing else, so that a restart helps."""
        return Health(status="ok")

    @router.get(
        "/readyz",
        summary="Should requests be sent here?",
        responses={503: {"model": ReadinessReport, "description": "A check failed."}},
    )
    async def check_readiness(response: Response) -> ReadinessReport:
        """Ask everything that requests will need."""
        checks = await readiness.run()
        if all(result == "ok" for result in checks.values()):
            return ReadinessReport(status="ready", checks=checks)
        response.status_code = 503
        return ReadinessReport(status="not_ready", checks=checks)

    @router.get(
        "/metrics",
        summary="Measurements for Prometheus",
        response_class=PlainTextResponse,
    )
    async def read_metrics() -> Response:
        """Give all measurements of this process in the text format of Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
