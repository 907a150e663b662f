"""The rules about API keys: who makes which, and what ends with one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.api_keys.errors import (
    ApiKeyNotFoundError,
    KeyLifetimeError,
    ScopeRefusedError,
    TooManyKeysError,
)
from muniment.api_keys.form import make_key
from muniment.api_keys.models import ApiKey
from muniment.api_keys.repository import NEWEST_FIRST, ApiKeyRepository
from muniment.api_keys.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyRead, KeyStatus
from muniment.audit.acts import Act, Action, Target
from muniment.audit.trail import record
from muniment.identity.errors import InvalidTokenError
from muniment.identity.permissions import NEVER_BY_KEY, Permission
from muniment.identity.principal import Principal
from muniment.identity.settings import ApiKeySettings
from muniment.kit.clock import Clock
from muniment.kit.pagination import Page, PageRequest
from muniment.revocation.service import revoke_key


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with what is kept nowhere."""

    key: ApiKeyRead
    secret: SecretStr

    def shown(self) -> ApiKeyCreated:
        """Write it out with the secret, for the one who asked for it."""
        return ApiKeyCreated(**dict(self.key), key=self.secret.get_secret_value())


class ApiKeyService:
    """What callers do with their own keys."""

    def __init__(self, session: AsyncSession, settings: ApiKeySettings, clock: Clock) -> None:
        self._session = session
        self._keys = ApiKeyRepository(session)
        self._settings = settings
        self._clock = clock

    async def create(self, principal: Principal, wanted: ApiKeyCreate) -> NewKey:
        """Make a key for the caller; the edge has seen that they may make one where they are.

        Raises ScopeRefusedError, KeyLifetimeError and TooManyKeysError.
        """
        _ensure_scope(principal, wanted.scope)
        lifetime = wanted.expires_in or self._settings.default_lifetime
        if lifetime > self._settings.max_lifetime:
            raise KeyLifetimeError(self._settings.max_lifetime)
        now = self._clock.now()
        if not await self._keys.hold_owner(principal.user_id):
            raise InvalidTokenError  # shut out since the request was let in
        if await self._keys.count_good(principal.user_id, now) >= self._settings.max_per_user:
            raise TooManyKeysError(self._settings.max_per_user)
        made = make_key()
        key = ApiKey(
            tenant_id=principal.tenant_id,
            account_id=principal.user_id,
            name=wanted.name,
            prefix=made.prefix,
            secret_hash=made.secret_hash,
            scope=sorted(wanted.scope),
            created_at=now,
            expires_at=now + lifetime,
        )
        await self._keys.add(key)
        await self._record(principal, Action.KEY_MADE, key.id)
        return NewKey(present_key(key, now), made.secret)

    async def list_own(self, principal: Principal, paging: PageRequest) -> Page[ApiKeyRead]:
        """List the caller's keys, newest first, with those that are good no more."""
        now = self._clock.now()
        keys = [
            present_key(key, now) for key in await self._keys.list_page(principal.user_id, paging)
        ]
        return paging.page(keys, NEWEST_FIRST, lambda key: (key.id,))

    async def read(self, principal: Principal, key_id: UUID) -> ApiKeyRead:
        """Give one key of the caller's. Raises ApiKeyNotFoundError."""
        return present_key(await self._find(principal, key_id), self._clock.now())

    async def revoke(self, principal: Principal, key_id: UUID) -> None:
        """Take a key back, with whatever is open by it; once more changes nothing.

        Requests read the row of their key; streams are told by the log of revocations. Raises
        ApiKeyNotFoundError.
        """
        await self._find(principal, key_id)
        now = self._clock.now()
        if await self._keys.revoke(key_id, now):
            await revoke_key(self._session, key_id, now)
            await self._record(principal, Action.KEY_REVOKED, key_id)

    async def _record(self, principal: Principal, action: Action, key_id: UUID) -> None:
        await record(self._session, Act(action, principal.actor, Target("key", key_id)))

    async def _find(self, principal: Principal, key_id: UUID) -> ApiKey:
        key = await self._keys.find(principal.user_id, key_id)
        if key is None:
            raise ApiKeyNotFoundError
        return key


def present_key(key: ApiKey, now: datetime) -> ApiKeyRead:
    """Describe a key to its owner."""
    return ApiKeyRead(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scope=key.scope,
        status=_status(key, now),
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


def _status(key: ApiKey, now: datetime) -> KeyStatus:
    """Tell whether a key is good, as far as that hangs on the key alone."""
    if key.revoked_at is not None:
        return "revoked"
    return "active" if now < key.expires_at else "expired"


def _ensure_scope(principal: Principal, scope: frozenset[Permission]) -> None:
    """Refuse what would widen silently when its owner gains it, and what no key ever has."""
    never = scope & NEVER_BY_KEY
    if never:
        raise ScopeRefusedError(never, "no API key ever can, a person does this")
    beyond = scope - principal.permissions
    if beyond:
        raise ScopeRefusedError(beyond, "you cannot do this yourself")
