"""Routes that may be called twice: the `Idempotency-Key` of creating requests, over HTTP.

A router that creates uses `IdempotentRoute` as its `route_class` and names `ACCEPTS_KEY` in the
`dependencies` of the creating route. The answer to what was created is kept in the transaction of
the request; a refusal, after which there is none, in one of its own. Both happen before the first
byte of the answer leaves.
"""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final

import structlog
from fastapi import Depends, Header
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from muniment.identity.dependencies import authenticated, required_permissions, session_of
from muniment.identity.idempotency import (
    KEY_PATTERN,
    MAX_KEY_LENGTH,
    IdempotencyStore,
    KeptAnswer,
    Replay,
    Ticket,
    fingerprint_of,
)
from muniment.identity.principal import ensure
from muniment.kit.state import from_state

KEY_HEADER: Final = "Idempotency-Key"
REPLAY_HEADER: Final = "Idempotent-Replay"
_KEPT_HEADERS: Final = frozenset({"content-type", "location", "etag"})
_KEPT_REFUSALS: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})
"""What rules said about the request itself; rights, load and faults may be others next time."""

_ATTEMPT_KEY: Final = "muniment.idempotent_attempt"

_log = structlog.get_logger(__name__)
_read_store = from_state("idempotency", IdempotencyStore)


async def declare_idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            alias=KEY_HEADER,
            min_length=1,
            max_length=MAX_KEY_LENGTH,
            pattern=KEY_PATTERN,
            description="A name of your own for this request, kept for 24 hours: sent again with"
            " the same body, it gets the first answer instead of creating twice.",
            examples=["01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77"],
        ),
    ] = None,
) -> None:
    """Document and validate the header; `IdempotentRoute` acts on it."""


ACCEPTS_KEY: Final = Depends(declare_idempotency_key)
"""Put into the `dependencies` of a creating route of an `IdempotentRoute`."""


def accepts_key(dependant: Dependant) -> bool:
    """Tell whether a route takes an `Idempotency-Key`."""
    return any(dependency.call is declare_idempotency_key for dependency in dependant.dependencies)


@dataclass(slots=True)
class _Attempt:
    """A request that runs under a key."""

    store: IdempotencyStore
    ticket: Ticket
    is_kept: bool = False
    """The answer was written in the transaction of the work, and stands if that was committed."""


class IdempotentRoute(APIRoute):
    """A route that answers a repeated request with its first answer."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[object, object, Response]]:
        """Keep the answer when it is made: the transaction of the request is still open then."""
        handler = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            response = await handler(request)
            attempt, session = request.scope.get(_ATTEMPT_KEY), session_of(request)
            is_success = _is_success(response.status_code)
            if isinstance(attempt, _Attempt) and session is not None and is_success:
                answer = _kept(response.status_code, response.headers, bytes(response.body))
                await attempt.store.finish_within(session, attempt.ticket, answer)
                attempt.is_kept = True
            return response

        return handle_once

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request, or give the answer that its key stands for."""
        # Requests of other verbs come here too, to be refused.
        is_meant = scope["method"] in (self.methods or ()) and accepts_key(self.dependant)
        key = _read_key(scope) if is_meant else None
        if key is None:
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        principal = (await authenticated(request)).principal
        for permission in required_permissions(self.dependant):
            ensure(principal, permission)
        store = await _read_store(request)
        body = await request.body()
        fingerprint = fingerprint_of(request.method.encode(), request.url.path.encode(), body)
        begun = await store.begin(principal, self.name, key, fingerprint)
        if isinstance(begun, Replay):
            await _as_response(begun.answer)(scope, receive, send)
            return
        answer = await self._run(_Attempt(store, begun), scope, _Body(body, receive))
        await answer.send(send)

    async def _run(self, attempt: _Attempt, scope: Scope, body: "_Body") -> "_Recording":
        store, ticket = attempt.store, attempt.ticket
        recording = _Recording()
        try:
            await super().handle({**scope, _ATTEMPT_KEY: attempt}, body.receive, recording.record)
        except BaseException:  # boundary: passed on; a request that ends holds its key no longer
            _log.warning("idempotent_request_broke", route=self.name)
            await store.abandon(ticket)
            raise
        if recording.is_success and attempt.is_kept:
            return recording
        if recording.may_be_kept:
            await store.finish(ticket, recording.kept())
        else:
            await store.abandon(ticket)
        return recording


def _read_key(scope: Scope) -> str | None:
    """Read the header; a malformed one is left to the declared parameter, which refuses it."""
    key = Headers(scope=scope).get(KEY_HEADER)
    return key if key is not None and re.fullmatch(KEY_PATTERN, key) else None


def _as_response(answer: KeptAnswer) -> Response:
    return Response(answer.body, answer.status, {**answer.headers, REPLAY_HEADER: "true"})


class _Body:
    """Gives a body that was read already to whoever reads it next."""

    def __init__(self, body: bytes, rest: Receive) -> None:
        self._body: bytes | None = body
        self._rest = rest

    async def receive(self) -> Message:
        """Give the body once, and then what else the server has to say."""
        if self._body is None:
            return await self._rest()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Recording:
    """Holds an answer back until it is kept."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def record(self, message: Message) -> None:
        """Take one message of the answer."""
        self._messages.append(message)

    async def send(self, send: Send) -> None:
        """Let the answer go."""
        for message in self._messages:
            await send(message)

    @property
    def is_success(self) -> bool:
        """Tell whether the work was done and committed."""
        return _is_success(self._start()[0])

    @property
    def may_be_kept(self) -> bool:
        """Tell whether the same request would get the same answer again."""
        status, headers = self._start()
        is_rule = status in _KEPT_REFUSALS and "retry-after" not in headers
        return is_rule or self.is_success

    def kept(self) -> KeptAnswer:
        """Give the part of the answer that is kept."""
        status, headers = self._start()
        body = b"".join(message.get("body", b"") for message in self._messages)
        return _kept(status, headers, body)

    def _start(self) -> tuple[int, Headers]:
        start = self._messages[0]
        return start["status"], Headers(raw=start["headers"])


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _kept(status: int, headers: Headers, body: bytes) -> KeptAnswer:
    kept = {name: value for name, value in headers.items() if name in _KEPT_HEADERS}
    return KeptAnswer(status, kept, body)
