"""What happens around every request, as plain ASGI: cheap, and safe for streams.

The order from the outside in: request id, observation (log line and metrics), security headers,
CORS where it is allowed, the gate (`app/gate.py`), the boundary that turns whatever was raised into
a problem document, and last the body limit.
"""

import re
import time
from collections.abc import Mapping, Sequence
from secrets import token_hex

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.kit.error_translation import translate_error
from muniment.kit.http_metrics import HttpMetrics
from muniment.kit.origin import bind_origin
from muniment.kit.problems import REQUEST_ID_KEY, problem_response
from muniment.kit.route_templates import RouteTemplates

BODY_LIMIT_KEY = "muniment.body_limit"

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_BROKEN_OFF = 499
_log = structlog.get_logger(__name__)


class RequestIdMiddleware:
    """Gives each request a name that its log entries, its errors and its answer share."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _incoming_request_id(scope) or token_hex(16)
        scope[REQUEST_ID_KEY] = request_id
        bind_origin(scope, request_id)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        header = (b"x-request-id", request_id.encode())

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        await self._app(scope, receive, send_named)


class ObservationMiddleware:
    """Writes one log line and one measurement for each request; never the query string."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, templates: RouteTemplates) -> None:
        self._app = app
        self._metrics = metrics
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Observe the request until its last byte is sent."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _BROKEN_OFF
        started = time.perf_counter()

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, duration_s: float) -> None:
        route = self._templates.find(scope)
        method = self._metrics.record(scope["method"], route, status, duration_s)
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(duration_s * 1000, 2),
        )


class SecurityHeadersMiddleware:
    """Adds the headers that every answer needs, unless the answer has its own."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._complete(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, send_secured)

    def _complete(self, given: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in given}
        return [*given, *(pair for pair in self._headers if pair[0] not in present)]


API_SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What an answer made of data needs; a page for people brings its own policy."""


class BodyLimitMiddleware:
    """Stops reading a body that is larger than its route takes.

    Nothing is decided before the handler asks for the body, so a caller without rights is told
    so first, and a route may have raised its own limit by then (`kit.parameters.body_limit`).
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting reader."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            limit = scope.get(BODY_LIMIT_KEY, self._max_bytes)
            if not received and _announced_length(scope) > limit:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_limited, send)


class ErrorBoundaryMiddleware:
    """The last catch: whatever was raised becomes a problem document and a log entry."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and answer for it if it breaks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_noted(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:  # boundary: the server's own answer would lack shape and id
            translated = translate_error(error)
            if has_started:
                raise
            await problem_response(translated, scope)(scope, receive, send)


def _incoming_request_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return None


def _announced_length(scope: Scope) -> int:
    announced = Headers(scope=scope).get("content-length", "")
    return int(announced) if announced.isdecimal() else 0
