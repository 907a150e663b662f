"""Asking an issuer whether a token is alive, and what it says (RFC 7662).

For issuers that can take a token back before it expires, or whose tokens say little by themselves.
The price is a call to the issuer, so an answer is believed for some seconds.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol

import structlog

from muniment.identity.client_secret import basic_authorization
from muniment.identity.compact import read_object
from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.refusals import Reason, TokenRefusedError
from muniment.identity.settings import IntrospectionSettings
from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.operator import OperatorClient, OperatorRequest

_OK: Final = 200
_log = structlog.get_logger(__name__)

FindEndpoint = Callable[[], Awaitable[str]]
"""Gives the address to ask at. Raises ProviderUnavailableError."""


class TokenIntrospection(Protocol):
    """Knows what an issuer says of its tokens now."""

    @property
    def believed_for(self) -> timedelta:
        """How long an answer holds."""
        ...

    async def claims_of(self, token: str) -> Mapping[str, object]:
        """Give the claims of a living token.

        Raises TokenRefusedError for one that is not, ProviderUnavailableError where it cannot be
        told: a provider that is away makes nobody's token bad.
        """
        ...


class RemoteIntrospection:
    """Asks one issuer; one for the whole process."""

    def __init__(
        self,
        issuer: str,
        settings: IntrospectionSettings,
        find_endpoint: FindEndpoint,
        client: OperatorClient,
    ) -> None:
        self._issuer = issuer
        self._settings = settings
        self._find_endpoint = find_endpoint
        self._client = client

    @property
    def believed_for(self) -> timedelta:
        """How long an answer holds."""
        return self._settings.cache

    async def claims_of(self, token: str) -> Mapping[str, object]:
        """Ask, and give the claims of a living token."""
        endpoint = self._settings.endpoint or await self._find_endpoint()
        form = {"token": token, "token_type_hint": "access_token"}
        settings = self._settings
        secret = basic_authorization(settings.client_id, settings.client_secret)
        headers = {"Authorization": secret}
        try:
            answer = await self._client.ask(OperatorRequest(endpoint, form, headers))
        except EgressError as error:
            raise self._unavailable(error.code) from None
        if answer.status != _OK:
            # 401 is about our own secret: an operator's mistake, and never the caller's.
            raise self._unavailable(f"status_{answer.status}")
        try:
            claims = read_object(answer.body)
        except TokenRefusedError:
            raise self._unavailable("not_json") from None
        if claims.get("active") is not True:
            raise TokenRefusedError(Reason.INACTIVE)
        return claims

    def _unavailable(self, reason: str) -> ProviderUnavailableError:
        _log.warning("introspection_failed", issuer=self._issuer, reason=reason)
        return ProviderUnavailableError()
