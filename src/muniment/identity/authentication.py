"""From the credential of a request to its caller: one way in for each form of credential."""

from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import SecretStr

from muniment.identity.browser import BrowserRules
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
    new_cookie: SecretStr | None = None
    """The value that the cookie of their session has from now on, where it has changed."""
    asserted_name: str | None = None
    """What a token that they have come with calls them; for colleagues who look for them."""


class WayIn(Protocol):
    """Knows callers by one form of credential."""

    async def authenticate(self, secret: str) -> Caller:
        """Give the caller, never one by default.

        Raises InvalidTokenError for any fault, TenantRequiredError, or UnavailableError where it
        cannot be told.
        """
        ...


class BrowserWayIn(Protocol):
    """Knows callers by the cookie of a browser session."""

    async def authenticate(self, secret: str, *, is_activity: bool = True) -> Caller:
        """Give the caller, never one by default; without activity a session grows idle.

        Raises SessionEndedError for any fault, or UnavailableError where it cannot be told.
        """
        ...


class Authenticator:
    """Tells who is calling; one for the whole process.

    The form of the credential chooses the way in, once: a failure never falls through to another.
    """

    def __init__(
        self,
        tokens: WayIn,
        keys: WayIn | None = None,
        sessions: BrowserWayIn | None = None,
        browser: BrowserRules | None = None,
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._sessions = sessions
        self.browser = browser

    async def authenticate(
        self, authorization: str | None, cookie: str | None = None, *, is_activity: bool = True
    ) -> Caller:
        """Give the caller that the header `Authorization` or the cookie of a session stands for.

        With the header there, the cookie is not looked at. Raises AuthenticationRequiredError,
        InvalidTokenError, SessionEndedError, TenantRequiredError or UnavailableError.
        """
        caller = await self._authenticate(authorization, cookie, is_activity=is_activity)
        principal = caller.principal
        bind_caller(tenant=principal.tenant, user=str(principal.user_id))
        bind_key(caller.grounds.key_id)
        return caller

    async def _authenticate(
        self, authorization: str | None, cookie: str | None, *, is_activity: bool
    ) -> Caller:
        if authorization is not None:
            secret = _read_bearer(authorization)
            way = self._keys if secret.startswith(API_KEY_PREFIX) else self._tokens
            if way is None:
                raise _no_such_way()
            return await way.authenticate(secret)
        if cookie is None:
            raise AuthenticationRequiredError
        if self._sessions is None:
            raise _no_such_way()
        return await self._sessions.authenticate(cookie, is_activity=is_activity)


def _no_such_way() -> InvalidTokenError:
    _log.warning("credential_refused", reason="no_such_way_in")
    return InvalidTokenError("no_such_way_in")


def _read_bearer(authorization: str) -> str:
    scheme, space, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        # Without a space all of it may be a secret, sent by itself.
        _log.warning("credential_refused", scheme=scheme[:16] if space else None)
        raise InvalidTokenError("scheme")
    return secret
