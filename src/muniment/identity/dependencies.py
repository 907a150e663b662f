"""What a route asks for when it needs to know its caller, as `Annotated` aliases.

A route states its policy in its signature, and nowhere else:

    CanReadUsers = Annotated[Principal, Depends(requires(Permission.USERS_READ))]

Tests find it there too, with `required_permissions`.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.openapi.models import SecurityBase as SecurityScheme
from fastapi.security.base import SecurityBase
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from muniment.identity.authentication import Authenticator, Caller
from muniment.identity.caller_limits import CALLER_LIMITS_KEY, CallerLimits
from muniment.identity.errors import InvalidTokenError
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal, ensure
from muniment.kit.state import from_state
from muniment.postgres.unit_of_work import Scope, Transactions

CALLER_KEY = "muniment.caller"
SESSION_KEY = "muniment.session"

_log = structlog.get_logger(__name__)
_read_authenticator = from_state("authenticator", Authenticator)


class BearerAuthentication(SecurityBase):
    """Finds the caller of a request, and says in OpenAPI how a caller is told."""

    model: SecurityScheme = HTTPBearer(
        bearerFormat="JWT",
        description="An access token of a configured issuer or of `muniment token`, or an API key."
        " It is read from the header alone, never from the address.",
    )
    scheme_name = "bearer"

    async def __call__(self, connection: HTTPConnection) -> Caller:
        """Authenticate a request; asked again within it, give the same answer."""
        known = connection.scope.get(CALLER_KEY)
        if isinstance(known, Caller):
            return known
        authenticator = await _read_authenticator(connection)
        authorization, cookie = _sole_authorization(connection), None
        if authorization is None and authenticator.browser is not None:
            cookie = authenticator.browser.read_session(connection)
            if cookie is not None:
                authenticator.browser.refuse_cross_site(connection)
        caller = await authenticator.authenticate(
            authorization, cookie, is_activity=not _wants_stream(connection)
        )
        connection.scope[CALLER_KEY] = caller
        limits = connection.scope.get(CALLER_LIMITS_KEY)
        if isinstance(limits, CallerLimits):
            limits.admit(caller)
        return caller


def _sole_authorization(connection: HTTPConnection) -> str | None:
    """Read the header; two of them may mean two callers to two readers, so nobody is called."""
    values = connection.headers.getlist("authorization")
    if len(values) > 1:
        _log.warning("credential_refused", headers=len(values))
        raise InvalidTokenError("many_headers")
    return values[0] if values else None


def _wants_stream(connection: HTTPConnection) -> bool:
    """Tell whether nobody need be there: a page that follows events comes again by itself."""
    return "text/event-stream" in connection.headers.get("accept", "")


authenticated = BearerAuthentication()
CurrentCaller = Annotated[Caller, Depends(authenticated)]
"""The signed-in caller, with the row of their account."""


async def _read_principal(caller: CurrentCaller) -> Principal:
    return caller.principal


CurrentPrincipal = Annotated[Principal, Depends(_read_principal)]
"""The signed-in caller, whatever they may do."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A dependency that lets only callers with one permission through."""

    permission: Permission
    instead: Permission | None = None
    """Another one that will do, for what the two may see in different ways."""

    async def __call__(self, caller: CurrentCaller) -> Principal:
        """Give the caller, or raise PermissionDeniedError."""
        if self.instead is None or self.instead not in caller.principal.permissions:
            ensure(caller.principal, self.permission)
        return caller.principal


def requires(permission: Permission, *, instead: Permission | None = None) -> Requirement:
    """Make the dependency that a route states its policy with."""
    return Requirement(permission, instead)


def required_permissions(dependant: Dependant) -> Iterator[Permission]:
    """Give the permissions that a route asks for, from its tree of dependencies."""
    if isinstance(dependant.call, Requirement):
        yield dependant.call.permission
    for dependency in dependant.dependencies:
        yield from required_permissions(dependency)


async def unit_of_work(
    connection: HTTPConnection,
    caller: CurrentCaller,
    transactions: Annotated[Transactions, Depends(from_state("transactions", Transactions))],
) -> AsyncIterator[AsyncSession]:
    """Open the transaction of a request, as its caller; it commits once, after the handler."""
    principal = caller.principal
    async with transactions.begin(Scope(principal.tenant_id, principal.names)) as session:
        connection.scope[SESSION_KEY] = session
        yield session


def session_of(connection: HTTPConnection) -> AsyncSession | None:
    """Give the transaction of a request, if its handler has asked for one; open until it commits.

    For what surrounds a handler and has to be committed with it.
    """
    session = connection.scope.get(SESSION_KEY)
    return session if isinstance(session, AsyncSession) else None


Session = Annotated[AsyncSession, Depends(unit_of_work, scope="function")]
"""The transaction of a request. It is committed before the first byte of the answer leaves."""
