"""The application under test, on the database of the test process, without a server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, Unpack

import httpx2
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from muniment.app.factory import create_app
from muniment.app.settings import Settings
from muniment.identity.authentication import Authenticator
from muniment.identity.bearer import BearerTokens
from muniment.identity.idempotency import IdempotencyStore
from muniment.identity.issuers import TrustedIssuers
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.repository import AccountRepository
from muniment.identity.token_cache import TokenCache
from muniment.identity.verifier import TokenVerifier
from muniment.kit.clock import Clock
from muniment.postgres.prepared import PreparedReads
from muniment.profiles.router import router as users
from tests.support.callers import CallerSpec, Claims, bearer, mint
from tests.support.database import SETTINGS, TestDatabase

BASE_URL = "http://127.0.0.1"
UNLIMITED = {"rate_limits": {"per_principal": 0, "per_key": 0, "per_address": 0}}
"""What a test needs that is not about limits, because it asks faster than people do."""


class ClientMaker(Protocol):
    """Makes clients of any callers: `client_of("bob", roles=["admin"], tenant="other")`."""

    def __call__(
        self, user: str | None = "alice", **claims: Unpack[Claims]
    ) -> httpx2.AsyncClient: ...


def make_authenticator(
    issuer: LocalIssuer, reads: PreparedReads, database: TestDatabase, clock: Clock
) -> Authenticator:
    settings = Settings().identity
    issuers = TrustedIssuers([issuer.trusted()])
    tokens = BearerTokens(
        TokenVerifier(issuers, clock),
        issuers,
        TokenCache(settings.token_cache_size, clock),
        AccountRepository(reads, database.serving),
        settings,
        clock,
    )
    return Authenticator(tokens)


@asynccontextmanager
async def running_app(
    issuer: LocalIssuer, database: TestDatabase, clock: Clock, *routers: APIRouter
) -> AsyncIterator[ASGIApp]:
    """Start the application; further routers are mounted beside the real ones."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        async with PreparedReads(database.urls.serving, SETTINGS) as reads:
            yield {
                "authenticator": make_authenticator(issuer, reads, database, clock),
                "transactions": database.serving,
                "identity": Settings().identity,
                "idempotency": IdempotencyStore(database.serving),
            }

    settings = Settings.model_validate({"server": UNLIMITED})
    app = create_app(settings, lifespan=lifespan, routers=[users, *routers])
    async with served(app) as asgi:
        yield asgi


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[ASGIApp]:
    """Run the lifespan as a server would, and give each request its state."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        yield with_state


def make_client(app: ASGIApp, issuer: LocalIssuer, caller: CallerSpec | None) -> httpx2.AsyncClient:
    """Give a client that calls as somebody, or as nobody."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app),
        base_url=BASE_URL,
        headers={} if caller is None else bearer(mint(issuer, caller)),
    )
