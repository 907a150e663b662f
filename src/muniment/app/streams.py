"""Ends event streams: when the process stops, and when the right of who listens does."""

import asyncio
from contextlib import ExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muniment.identity.authentication import Caller
from muniment.identity.dependencies import CALLER_KEY
from muniment.kit.clock import Clock, SystemClock
from muniment.revocation.log import RevocationLog


class EventStreams:
    """Surrounds an application and knows which of its answers are open event streams.

    A stream that is ended here ends like any other: its client comes again and finds the next
    process. A server that waited for it instead would cut the connection when patience runs out.
    One that was opened by a credential ends with it as well, or when it is revoked.
    """

    def __init__(
        self,
        app: ASGIApp,
        revocations: RevocationLog | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._app = app
        self._revocations = revocations
        self._clock = clock or SystemClock()
        self._open: set[asyncio.Timeout] = set()
        self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its answer may be ended from outside if it is an event stream."""

        async def send_noted(message: Message) -> None:
            await send(message)
            if _opens_event_stream(message):
                self._open.add(limit)
                self._follow(stack, scope, limit)
                if self._ended:
                    _end(limit)

        limit = asyncio.timeout(None)
        try:
            async with limit:
                with ExitStack() as stack:
                    await self._app(scope, receive, send_noted)
        except TimeoutError:
            if not limit.expired():
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._open.discard(limit)

    def _follow(self, stack: ExitStack, scope: Scope, limit: asyncio.Timeout) -> None:
        """Let a stream end with the right of its caller, if it has one."""
        caller = scope.get(CALLER_KEY)
        if not isinstance(caller, Caller):
            return
        grounds = caller.grounds
        if grounds.expires_at is not None:
            left = (grounds.expires_at - self._clock.now()).total_seconds()
            limit.reschedule(asyncio.get_running_loop().time() + max(left, 0.0))
        if self._revocations is not None:
            stack.enter_context(self._revocations.following(grounds, lambda: _end(limit)))

    def end(self) -> None:
        """End all that are open, and those that are still to be opened."""
        self._ended = True
        for limit in self._open:
            _end(limit)


def _end(limit: asyncio.Timeout) -> None:
    limit.reschedule(asyncio.get_running_loop().time())


def _opens_event_stream(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    # Asked of every answer: no object is made for it. ASGI has the names in small letters.
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message.get("headers", ())
    )
