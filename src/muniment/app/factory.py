"""The HTTP application, put together from settings, routers and a lifespan; nothing is global."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware

import muniment
from muniment.app.docs_page.router import create_docs_router
from muniment.app.gate import Gate, HostNames
from muniment.app.openapi import API_PREFIX, DESCRIPTION, TAGS, DocumentedApi, operation_id
from muniment.app.operations import Readiness, create_operations_router
from muniment.app.server_settings import ServerSettings
from muniment.app.settings import Settings
from muniment.app.web_sign_in import cookies_of
from muniment.identity.caller_limits import CallerLimits
from muniment.identity.dependencies import authenticated
from muniment.kit.cors import CorsMiddleware
from muniment.kit.http_metrics import HttpMetrics
from muniment.kit.middleware import (
    API_SECURITY_HEADERS,
    BodyLimitMiddleware,
    ErrorBoundaryMiddleware,
    ObservationMiddleware,
    RequestIdMiddleware,
    SecurityHeadersMiddleware,
)
from muniment.kit.parameters import refuse_unknown_parameters
from muniment.kit.problems import Caller, add_problem_rendering
from muniment.kit.rate_limits import RateLimiter
from muniment.kit.route_templates import RouteTemplates
from muniment.oversight.refusals import RefusalNotes
from muniment.sessions.cookies import RenewedCookies

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, object]]]


def create_app(
    settings: Settings,
    *,
    lifespan: Lifespan | None = None,
    routers: Sequence[APIRouter] = (),
    root_routers: Sequence[APIRouter] = (),
    readiness: Readiness | None = None,
    registry: CollectorRegistry | None = None,
    caller: Caller | None = authenticated,
) -> FastAPI:
    """Make the application.

    `routers` are mounted under `/api/v1`; routes are tried in order, so the busiest come first.
    `root_routers` are mounted at the root, and find out for themselves who calls.
    `caller` is asked before anything else is said about a request there; None asks nobody.
    What the lifespan yields is the state of each request (`request.state`).
    """
    registry = registry or CollectorRegistry(auto_describe=True)
    app = DocumentedApi(
        title="Muniment",
        version=muniment.__version__,
        summary="Answers over your own documents, with citations that are literally true.",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        servers=[{"url": settings.server.base_url, "description": "This server"}],
        contact={"name": "The Muniment authors"},
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
        openapi_url="/openapi.json" if settings.server.docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        middleware=_middleware(settings, registry),
    )
    add_problem_rendering(app, caller, API_PREFIX, RefusalNotes(RouteTemplates()))
    asked_first = [] if caller is None else [Depends(caller)]
    checks = [*asked_first, Depends(refuse_unknown_parameters)]
    for router in routers:
        app.include_router(router, prefix=API_PREFIX, dependencies=checks)
    for router in root_routers:
        app.include_router(router, dependencies=[Depends(refuse_unknown_parameters)])
    app.include_router(create_operations_router(readiness or Readiness(), registry))
    if settings.server.docs:
        app.include_router(create_docs_router())
    return app


def _middleware(settings: Settings, registry: CollectorRegistry) -> list[Middleware]:
    """List what surrounds every request, from the outside in."""
    return [
        Middleware(RequestIdMiddleware),
        Middleware(
            ObservationMiddleware, metrics=HttpMetrics(registry), templates=RouteTemplates()
        ),
        Middleware(SecurityHeadersMiddleware, headers=_security_headers(settings.server)),
        *_cors(settings.server),
        _gate(settings.server),
        Middleware(RenewedCookies, cookies=cookies_of(settings)),
        Middleware(ErrorBoundaryMiddleware),
        Middleware(BodyLimitMiddleware, max_bytes=settings.server.max_json_bytes),
    ]


def _security_headers(settings: ServerSettings) -> Mapping[str, str]:
    """Let browsers keep to https for a year where people come by it (RFC 6797)."""
    if not (settings.public_url or "").startswith("https:"):
        return API_SECURITY_HEADERS
    return {**API_SECURITY_HEADERS, "Strict-Transport-Security": "max-age=31536000"}


def _cors(settings: ServerSettings) -> list[Middleware]:
    origins = settings.cors_origins
    return [Middleware(CorsMiddleware, origins=origins)] if origins else []


def _gate(settings: ServerSettings) -> Middleware:
    limits = settings.rate_limits
    return Middleware(
        Gate,
        hosts=HostNames(settings),
        callers=CallerLimits(
            RateLimiter(limits.per_principal, limits.per_principal_burst),
            RateLimiter(limits.per_key, limits.per_key_burst),
        ),
        per_address=RateLimiter(limits.per_address, limits.per_address_burst),
        signing_in=RateLimiter(limits.per_address, limits.per_address_burst),
    )
