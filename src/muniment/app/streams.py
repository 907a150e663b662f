"""Ends event streams when the process stops, so that nobody has to wait for a client to leave."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class EventStreams:
    """Surrounds an application and knows which of its answers are open event streams.

    A stream that is ended here ends like any other: its client comes again and finds the next
    process. A server that waited for it instead would cut the connection when patience runs out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: set[asyncio.Timeout] = set()
        self._ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its answer may be ended from outside if it is an event stream."""

        async def send_noted(message: Message) -> None:
            await send(message)
            if _opens_event_stream(message):
                self._open.add(limit)
                if self._ended:
                    _end(limit)

        limit = asyncio.timeout(None)
        try:
            async with limit:
                await self._app(scope, receive, send_noted)
        except TimeoutError:
            if not limit.expired():
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._open.discard(limit)

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
    headers = Headers(raw=list(message.get("headers", ())))
    return headers.get("content-type", "").startswith("text/event-stream")
