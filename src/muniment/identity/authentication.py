"""From the credential of a request to its caller: one way in for each form of credential."""

from dataclasses import dataclass
from typing import Protocol

import structlog

from muniment.identity.errors import AuthenticationRequiredError, InvalidTokenError
from muniment.identity.grounds import Grounds
from muniment.identity.principal import Principal
from muniment.identity.repository import KnownAccount
from muniment.kit.logging import bind_caller
from muniment.kit.origin import bind_key

API_KEY_PREFIX = "mun_"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, with the row of the account that was read to know it."""

    principal: Principal
    account: KnownAccount
    grounds: Grounds
    """What lets them in, and may be revoked while they are being answered."""


class WayIn(Protocol):
    """Knows callers by one form of credential."""

    async def authenticate(self, secret: str) -> Caller:
        """Give the caller, never one by default.

        Raises InvalidTokenError for any fault, TenantRequiredError, or UnavailableError where it
        cannot be told.
        """
        ...


class Authenticator:
    """Tells who is calling; one for the whole process.

    The form of the credential chooses the way in, once: a failure never falls through to another.
    """

    def __init__(
        self, tokens: WayIn, keys: WayIn | None = None, sessions: WayIn | None = None
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._sessions = sessions

    async def authenticate(self, authorization: str | None, cookie: str | None = None) -> Caller:
        """Give the caller that the header `Authorization` or the cookie of a session stands for.

        With the header there, the cookie is not looked at. Raises AuthenticationRequiredError,
        InvalidTokenError, TenantRequiredError or UnavailableError.
        """
        caller = await self._authenticate(authorization, cookie)
        principal = caller.principal
        bind_caller(tenant=principal.tenant, user=str(principal.user_id))
        bind_key(caller.grounds.key_id)
        return caller

    async def _authenticate(self, authorization: str | None, cookie: str | None) -> Caller:
        if authorization is not None:
            secret = _read_bearer(authorization)
            way = self._keys if secret.startswith(API_KEY_PREFIX) else self._tokens
        elif cookie is not None:
            secret, way = cookie, self._sessions
        else:
            raise AuthenticationRequiredError
        if way is None:
            _log.warning("credential_refused", reason="no_such_way_in")
            raise InvalidTokenError
        return await way.authenticate(secret)


def _read_bearer(authorization: str) -> str:
    scheme, space, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        # Without a space all of it may be a secret, sent by itself.
        _log.warning("credential_refused", scheme=scheme[:16] if space else None)
        raise InvalidTokenError("scheme")
    return secret
