"""Lets pages of named origins call the API from a browser (the Fetch standard, 3.2: CORS)."""

from collections.abc import Collection
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

READABLE_HEADERS: Final = (
    *("ETag", "Location", "Idempotent-Replay", "Retry-After", "X-Request-ID", "WWW-Authenticate"),
    *("Content-Disposition", "Content-Range", "Accept-Ranges"),
)
"""What a page may read of an answer, besides the few that it always may."""
SENDABLE_HEADERS: Final = (
    *("Authorization", "Content-Type", "If-Match", "If-None-Match", "If-Range", "Range", "Accept"),
    *("Idempotency-Key", "Last-Event-ID", "X-Request-ID"),
)
"""What a page may send along."""
_VERBS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_REMEMBERED_S = 600

_VARY = (b"vary", b"Origin")


class CorsMiddleware:
    """Answers preflights of named origins, and says in each answer who may read it.

    Origins are compared as a whole: no wildcard, no pattern, and `null` is nobody. Cookies are
    never allowed (`Access-Control-Allow-Credentials`), so a page has to have a token of its own.
    Every answer varies by origin, also those to nobody: a cache could hand them to others.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on and complete its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin, is_preflight = self._read(scope)
        if origin is not None and is_preflight:
            await _allow(origin, send)
            return
        added = [_VARY] if origin is None else [_VARY, *_readable_by(origin)]

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self._app(scope, receive, send_completed)

    def _read(self, scope: Scope) -> tuple[bytes | None, bool]:
        """Give the origin if it is the only one and ours, and whether this is a preflight."""
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        is_ours = len(origins) == 1 and origins[0] in self._origins
        is_preflight = scope["method"] == "OPTIONS" and any(
            name == b"access-control-request-method" for name, _ in scope["headers"]
        )
        return (origins[0] if is_ours else None), is_preflight


def _readable_by(origin: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", ", ".join(READABLE_HEADERS).encode("ascii")),
    ]


async def _allow(origin: bytes, send: Send) -> None:
    headers = [
        _VARY,
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", _VERBS.encode("ascii")),
        (b"access-control-allow-headers", ", ".join(SENDABLE_HEADERS).encode("ascii")),
        (b"access-control-max-age", str(_REMEMBERED_S).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
