"""One log for everything: our events and those of libraries, in one shape, on stderr.

A machine reads JSON, a person at a terminal reads lines. Every entry carries the request id,
tenant and user of the request it belongs to, and no secrets (see `kit.redaction`).
"""

import logging
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field
from structlog.typing import EventDict, Processor, WrappedLogger

from muniment.kit.redaction import redact_event, redact_text

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]

_QUIET_LIBRARIES = {
    "uvicorn.access": logging.CRITICAL,  # our own line per request says more, and no query string
    "alembic": logging.WARNING,  # it tells how it set itself up; our line says what it changed
    "sqlalchemy.engine": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
}


class LogSettings(BaseModel):
    """How much is logged and in which shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: LogLevel = Field(default="info", description="The least serious kind of entry kept.")
    format: LogFormat = Field(
        default="auto",
        description="`json`, or lines for people (`console`); `auto`: lines on a terminal.",
    )


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Route every log of the process through one chain of processors."""
    target = sys.stderr if stream is None else stream
    as_json = settings.format == "json" or (settings.format == "auto" and not target.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared = _shared_processors()
    final = _final_processors(as_json=as_json, colors=target.isatty())
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    _route_standard_library(shared, final, level, target)


def bind_caller(*, tenant: str, user: str) -> None:
    """Name the caller in every later entry of this request or job."""
    structlog.contextvars.bind_contextvars(tenant=tenant, user=user)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _final_processors(*, as_json: bool, colors: bool) -> list[Processor]:
    if as_json:
        renderer: Processor = structlog.processors.JSONRenderer(serializer=_to_json)
        return [structlog.processors.format_exc_info, redact_event, renderer]
    lines = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback
    )
    return [redact_event, _RedactedLines(lines)]


class _RedactedLines:
    """A console line whose traceback is cleaned after it was laid out."""

    def __init__(self, renderer: structlog.dev.ConsoleRenderer) -> None:
        self._renderer = renderer

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        """Lay out one entry."""
        return redact_text(str(self._renderer(logger, method, event)))


def _to_json(event: Mapping[str, object], **_options: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _route_standard_library(
    shared: list[Processor], final: list[Processor], level: int, target: TextIO
) -> None:
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.PositionalArgumentsFormatter(),
                *shared,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "sqlalchemy"):
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
    for name, least in _QUIET_LIBRARIES.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.captureWarnings(capture=True)
