"""From an API key to its caller: the owner with the rights that were last verified, narrowed.

One statement reads the key with its owner, their profile and their kept rights, so that a key ends
with any of them. Nothing is remembered between requests.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog
from pydantic import JsonValue, TypeAdapter

from muniment.api_keys.form import hash_of, is_well_formed
from muniment.api_keys.uses import KeyUses
from muniment.audit.acts import Actor
from muniment.identity.assertions import attributes_of, groups_of, roles_of
from muniment.identity.authentication import Caller
from muniment.identity.errors import InvalidTokenError
from muniment.identity.grounds import Grounds
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.local_issuer import ISSUER
from muniment.identity.permissions import EVERYBODY, NEVER_BY_KEY, Permission, permissions_of
from muniment.identity.principal import Principal
from muniment.identity.repository import KnownAccount
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock
from muniment.kit.origin import bind_key
from muniment.postgres.prepared import PreparedReads

_SIGN_IN: Final = "select * from muniment_key_sign_in($1)"
_log = structlog.get_logger(__name__)


class KeyReason(StrEnum):
    """What was wrong with a key, for the log alone."""

    FORM = "form"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    OWNER = "owner"
    """The account is disabled or erased."""
    ISSUER = "issuer"
    """Nobody of the owner's issuer is let in any more."""
    RIGHTS = "rights"
    """What the owner may do was never verified, or too long ago."""


class _KeyRefusedError(Exception):
    """A key failed a check; the way in turns this into the one answer for all."""

    def __init__(self, reason: KeyReason, known: "_KnownKey | None" = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.known = known


@dataclass(frozen=True, slots=True)
class _Rights:
    """What the issuer last said about the owner."""

    roles: list[str]
    groups: list[str]
    attributes: dict[str, JsonValue]
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class _KnownKey:
    """What the database knows about a key."""

    key_id: UUID
    scope: frozenset[str]
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    issuer: str
    subject: str
    tenant: str
    account: KnownAccount
    rights: _Rights | None

    @property
    def owner(self) -> Actor:
        """Name whose key it is, for the audit."""
        account = self.account
        return Actor.user(account.account_id, account.tenant_id, self.issuer, self.subject)


_KNOWN_KEY: Final = TypeAdapter(_KnownKey)


class ApiKeys:
    """Lets callers in by API keys; one for the whole process."""

    def __init__(
        self,
        reads: PreparedReads,
        issuers: TrustedIssuers,
        settings: IdentitySettings,
        clock: Clock,
        uses: KeyUses,
    ) -> None:
        self._reads = reads
        self._issuers = issuers
        self._settings = settings
        self._clock = clock
        self._uses = uses

    async def authenticate(self, secret: str) -> Caller:
        """Give the owner of a key, as the key lets them in. Raises InvalidTokenError."""
        try:
            known = await self._find(secret)
            caller = self._let_in(known)
        except _KeyRefusedError as refusal:
            raise _told(refusal) from None
        account = caller.account
        self._uses.note(account.tenant_id, account.account_id, known.key_id, known.last_used_at)
        return caller

    async def _find(self, secret: str) -> _KnownKey:
        if not is_well_formed(secret):
            raise _KeyRefusedError(KeyReason.FORM)
        row = await self._reads.row(_SIGN_IN, hash_of(secret))
        if row is None:
            raise _KeyRefusedError(KeyReason.UNKNOWN)
        return _KNOWN_KEY.validate_python(row)

    def _let_in(self, known: _KnownKey) -> Caller:
        now = self._clock.now()
        if known.revoked_at is not None:
            raise _KeyRefusedError(KeyReason.REVOKED, known)
        if not known.account.is_active:
            raise _KeyRefusedError(KeyReason.OWNER, known)
        issuer = self._issuers.find(known.issuer)
        if issuer is None:
            raise _KeyRefusedError(KeyReason.ISSUER, known)
        if known.rights is None:
            raise _KeyRefusedError(KeyReason.RIGHTS, known)
        if now >= known.expires_at:
            raise _KeyRefusedError(KeyReason.EXPIRED, known)
        rights_hold_for = self._rights_hold_for(known.issuer, now - known.rights.verified_at)
        if not rights_hold_for:
            raise _KeyRefusedError(KeyReason.RIGHTS, known)
        expires_at = now + min(known.expires_at - now, rights_hold_for)
        grounds = Grounds(
            account_id=known.account.account_id,
            issuer=known.issuer,
            subject=known.subject,
            admitted_at=now,
            expires_at=expires_at,
            key_id=known.key_id,
        )
        principal = self._principal(known, known.rights, issuer, expires_at)
        return Caller(principal, known.account, grounds)

    def _rights_hold_for(self, issuer: str, age: timedelta) -> timedelta:
        """Tell how long rights hold; nobody else could take back those of the built-in issuer."""
        if issuer == ISSUER:
            return timedelta.max
        return max(self._settings.rights_max_age - age, timedelta(0))

    def _principal(
        self, known: _KnownKey, rights: _Rights, issuer: TrustedIssuer, expires_at: datetime
    ) -> Principal:
        claims = _as_claims(rights, issuer)
        roles = roles_of(claims, issuer)
        return Principal(
            user_id=known.account.account_id,
            tenant_id=known.account.tenant_id,
            tenant=known.tenant,
            issuer=known.issuer,
            subject=known.subject,
            roles=roles,
            groups=groups_of(claims, issuer),
            attributes=attributes_of(claims, issuer),
            permissions=_narrowed(permissions_of(roles, self._settings.roles), known.scope),
            expires_at=expires_at,
            group_prefix=issuer.assertable.group_prefix,
            verified_at=rights.verified_at,
        )


def _told(refusal: _KeyRefusedError) -> InvalidTokenError:
    """Tell the log and the audit which key was refused and why, and the caller neither."""
    reason, known = refusal.reason.value, refusal.known
    key_id = None if known is None else str(known.key_id)
    _log.warning("key_refused", reason=reason, key_id=key_id)
    bind_key(None if known is None else known.key_id)
    return InvalidTokenError(f"key_{reason}", None if known is None else known.owner)


def _as_claims(rights: _Rights, issuer: TrustedIssuer) -> dict[str, object]:
    """Write kept rights as the issuer did: what the settings let it say now holds for them too."""
    return {
        **rights.attributes,
        "resource_access": {issuer.audience: {"roles": rights.roles}},
        issuer.assertable.groups_claim: rights.groups,
    }


def _narrowed(permissions: frozenset[Permission], scope: frozenset[str]) -> frozenset[Permission]:
    """Give what both the owner's roles and the key's scope allow, and what everybody may."""
    allowed = [one for one in permissions if one in scope and one not in NEVER_BY_KEY]
    return EVERYBODY.union(allowed)
