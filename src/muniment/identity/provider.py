"""An identity provider as it describes itself: OpenID Connect Discovery 1.0 and RFC 8414.

The description is fetched when first needed and again after a while. One fetch runs at a time, and
a provider that does not answer is left alone for some seconds: meanwhile the last description
serves, and without one the answer is that the provider is away, which is nobody's bad credential.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.settings import IssuerSettings, WebAddress
from muniment.kit.clock import Clock
from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.operator import OperatorClient, OperatorRequest, origin_of

MAX_AGE: Final = timedelta(hours=1)
PAUSE: Final = timedelta(seconds=5)
"""How long a provider that failed is left alone."""
WELL_KNOWN: Final = "/.well-known/openid-configuration"
_MAX_BYTES: Final = 256 * 1024
_OK: Final = 200
_log = structlog.get_logger(__name__)


def _with_origin(value: str) -> str:
    origin_of(value)
    return value


Endpoint = Annotated[WebAddress, AfterValidator(_with_origin)]


class ProviderMetadata(BaseModel):
    """What a provider says of itself, as far as anything here uses it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    jwks_uri: Endpoint
    authorization_endpoint: Endpoint | None = None
    token_endpoint: Endpoint | None = None
    end_session_endpoint: Endpoint | None = None
    introspection_endpoint: Endpoint | None = None
    revocation_endpoint: Endpoint | None = None
    names_itself: bool = Field(
        default=False, alias="authorization_response_iss_parameter_supported"
    )
    """Whether authorization responses carry `iss` (RFC 9207): one without it is refused then."""


_METADATA = TypeAdapter(ProviderMetadata)


@dataclass(slots=True)
class _Known:
    """The last description, and when the next may be asked for."""

    metadata: ProviderMetadata | None = None
    ask_again_at: datetime | None = None


class Provider:
    """One identity provider; one object for the whole process."""

    def __init__(self, settings: IssuerSettings, client: OperatorClient, clock: Clock) -> None:
        self.issuer = settings.issuer
        self._address = settings.issuer.rstrip("/") + WELL_KNOWN
        self._client = client
        self._clock = clock
        self._known = _Known()
        self._lock = asyncio.Lock()

    async def metadata(self) -> ProviderMetadata:
        """Give the description. Raises ProviderUnavailableError where there never was one."""
        if self._is_due():
            async with self._lock:
                if self._is_due():
                    await self._refresh()
        if self._known.metadata is None:
            raise ProviderUnavailableError
        return self._known.metadata

    def _is_due(self) -> bool:
        at = self._known.ask_again_at
        return at is None or self._clock.now() >= at

    async def _refresh(self) -> None:
        try:
            self._known.metadata = await self._fetch()
            pause = MAX_AGE
        except (EgressError, ValueError) as error:
            reason = error.code if isinstance(error, EgressError) else "not_as_it_must_be"
            _log.warning("provider_unavailable", issuer=self.issuer, reason=reason)
            pause = PAUSE
        self._known.ask_again_at = self._clock.now() + pause

    async def _fetch(self) -> ProviderMetadata:
        answer = await self._client.ask(OperatorRequest(self._address), max_bytes=_MAX_BYTES)
        if answer.status != _OK:
            raise EgressError(
                "http_error", f"The provider answered {answer.status}.", status=answer.status
            )
        metadata = _METADATA.validate_json(answer.body)
        if metadata.issuer != self.issuer:
            # Section 4.3: who describes somebody else is not believed about themselves.
            raise ValueError("the description is of another issuer")
        return metadata
