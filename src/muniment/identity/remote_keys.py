"""The keys of an issuer, fetched from it: through rotations, floods and outages.

The rules are those of the identity provider's own rotation. A new key signs at once, so the first
token with an unknown `kid` comes without warning: it is worth one fetch, which all who wait for it
share. But anybody can make up a `kid`, so such fetches are few: three in a burst, then one in ten
seconds. Beside the requests all keys are fetched again every few minutes, which is when one that
the issuer has withdrawn goes. Keys serve on while the issuer is away, for a day at most.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue

from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.keys import VerificationKey, read_keys
from muniment.kit.clock import Clock
from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.operator import OperatorClient, OperatorRequest

BURST: Final = 3
EVERY: Final = timedelta(seconds=10)
MAX_AGE: Final = timedelta(minutes=5)
MAX_STALENESS: Final = timedelta(hours=24)
_MAX_BYTES: Final = 256 * 1024
_MAX_KEYS: Final = 100
_OK: Final = 200
_log = structlog.get_logger(__name__)

FindUri = Callable[[], Awaitable[str]]
"""Gives the address of the key set. Raises ProviderUnavailableError."""


class _KeySet(BaseModel):
    """A JWK Set (RFC 7517, 5); its keys are read one by one."""

    model_config = ConfigDict(extra="ignore", strict=True)

    keys: list[JsonValue]


@dataclass(slots=True)
class _Allowance:
    """How many fetches an unknown `kid` may still cause: a bucket that fills again with time."""

    tokens: float = BURST
    filled_at: datetime | None = None

    def take(self, now: datetime) -> bool:
        """Take one, if there is one."""
        if self.filled_at is not None:
            gained = (now - self.filled_at) / EVERY
            self.tokens = min(BURST, self.tokens + max(gained, 0.0))
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class _Held:
    """What was fetched last, and when."""

    keys: Mapping[str, VerificationKey] = field(default_factory=dict)
    fetched_at: datetime | None = None
    fetches: int = 0
    """How many have ended, so that who waited for one knows that it did."""


class RemoteKeySource:
    """Gives the keys of one issuer by its key set; one for the whole process."""

    def __init__(
        self, issuer: str, find_uri: FindUri, client: OperatorClient, clock: Clock
    ) -> None:
        self._issuer = issuer
        self._find_uri = find_uri
        self._client = client
        self._clock = clock
        self._held = _Held()
        self._allowance = _Allowance()
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> VerificationKey | None:
        """Give the key with this identifier, fetched first if it is not known.

        Raises ProviderUnavailableError where there are no keys, or none that are recent enough.
        """
        key = self._held.keys.get(kid)
        if key is None:
            await self._fetch_for_stranger()
        fetched_at = self._held.fetched_at
        if fetched_at is None or self._clock.now() - fetched_at > MAX_STALENESS:
            raise ProviderUnavailableError
        return self._held.keys.get(kid)

    async def keep_fresh(self) -> None:
        """Fetch at the start and again and again, beside the requests; ends when cancelled."""
        while True:
            async with self._fetching:
                is_fetched = await self._fetch()
            await asyncio.sleep((MAX_AGE if is_fetched else EVERY).total_seconds())

    async def _fetch_for_stranger(self) -> None:
        """Wait for the fetch that is running, or run one if an unknown `kid` may cause one."""
        before, is_running = self._held.fetches, self._fetching.locked()
        async with self._fetching:
            is_over = is_running and self._held.fetches > before
            if not is_over and self._allowance.take(self._clock.now()):
                await self._fetch()

    async def _fetch(self) -> bool:
        try:
            keys = await self._ask()
        except (EgressError, ProviderUnavailableError, ValueError) as error:
            reason = error.code if isinstance(error, EgressError) else type(error).__name__
            _log.warning("keys_not_fetched", issuer=self._issuer, reason=reason)
            return False
        finally:
            self._held.fetches += 1
        self._held.keys, self._held.fetched_at = keys, self._clock.now()
        return True

    async def _ask(self) -> Mapping[str, VerificationKey]:
        request = OperatorRequest(await self._find_uri())
        answer = await self._client.ask(request, max_bytes=_MAX_BYTES)
        if answer.status != _OK:
            raise EgressError(
                "http_error", f"The issuer answered {answer.status}.", status=answer.status
            )
        listed = _KeySet.model_validate_json(answer.body).keys
        keys = read_keys(listed[:_MAX_KEYS])
        if not keys:
            # An empty set would lock everybody out at once; the keys that were there serve on.
            raise ValueError("the key set holds no usable key")
        return keys
