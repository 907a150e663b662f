"""From an access token to its caller: who it is, and that they may still come in.

What a token says is remembered until it expires, because checking a signature is dear and its
answer cannot change. What the database says is asked at every request, because it can: a user who
was disabled a moment ago is refused, remembered token or not.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from muniment.audit.acts import Actor
from muniment.identity.authentication import Caller
from muniment.identity.claims import VerifiedClaims
from muniment.identity.errors import InvalidTokenError
from muniment.identity.grounds import Grounds, RevocationCheck
from muniment.identity.issuers import TrustedIssuers
from muniment.identity.permissions import Permission, permissions_of
from muniment.identity.principal import Principal
from muniment.identity.refusals import Reason
from muniment.identity.repository import AccountRepository, KnownAccount
from muniment.identity.settings import IdentitySettings
from muniment.identity.tenants import resolve_tenant
from muniment.identity.token_cache import TokenCache
from muniment.identity.verifier import TokenVerifier
from muniment.kit.clock import Clock
from muniment.kit.hit_metrics import HitFigures

Verified = Callable[[Caller], Awaitable[None]]
"""Is told whose token was verified, for what works in their name while they are away."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """What follows from a good token alone, whatever the database says."""

    claims: VerifiedClaims
    tenant: str
    permissions: frozenset[Permission]
    issued_at: datetime
    """When it was issued by our clock, at the earliest: the issuer's may be ahead of it."""
    principals: dict[UUID, Principal] = field(default_factory=dict, compare=False)
    """The caller by account, made at the first request: what it is made of does not change."""


class BearerTokens:
    """Lets callers in by access tokens (RFC 6750); one for the whole process.

    An erased user who signs in again is a new user: erasing replaced issuer and subject in the old
    account, so a fresh and empty one is made. Tokens from before the erasure are refused, also for
    the new account. Whoever shall stay away is disabled, not erased.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        issuers: TrustedIssuers,
        cache: TokenCache[Credential],
        accounts: AccountRepository,
        settings: IdentitySettings,
        clock: Clock,
        on_verified: Verified | None = None,
        revocations: RevocationCheck | None = None,
    ) -> None:
        self._verifier = verifier
        self._issuers = issuers
        self._cache = cache
        self._accounts = accounts
        self._roles = settings.roles
        self._clock = clock
        self._on_verified = on_verified
        self._revocations = revocations

    def figures(self) -> HitFigures:
        """Tell how often a token was known, so that it was not verified anew."""
        return self._cache.figures

    async def authenticate(self, secret: str) -> Caller:
        """Give the caller of an access token. Raises InvalidTokenError or TenantRequiredError."""
        known = self._cache.find(secret)
        credential = known or await self._verify(secret)
        account = await self._read_account(credential)
        if not account.is_active:
            _log.warning("caller_refused", account=str(account.account_id), status=account.status)
            raise InvalidTokenError(account.status, _actor(credential, account))
        grounds = self._grounds(credential, account)
        if self._revocations is not None and await self._revocations.is_revoked(grounds):
            _log.warning("token_refused", reason=Reason.REVOKED.value)
            raise InvalidTokenError(Reason.REVOKED.value, _actor(credential, account))
        principal = _make_principal(credential, account)
        caller = Caller(principal, account, grounds, asserted_name=credential.claims.name)
        if known is None:
            await self._tell_verified(caller)
        return caller

    def _grounds(self, credential: Credential, account: KnownAccount) -> Grounds:
        claims = credential.claims
        return Grounds(
            account_id=account.account_id,
            issuer=claims.issuer,
            subject=claims.subject,
            admitted_at=self._clock.now(),
            issued_at=claims.issued_at,
            expires_at=claims.expires_at,
            session_id=claims.session_id,
        )

    async def _tell_verified(self, caller: Caller) -> None:
        if self._on_verified is None:
            return
        try:
            await self._on_verified(caller)
        except Exception:  # noqa: BLE001 # boundary: the caller wants something else
            _log.warning("verified_rights_not_kept", exc_info=True)

    async def _verify(self, token: str) -> Credential:
        claims = await self._verifier.verify(token)
        issuer = self._issuers.find(claims.issuer)
        if issuer is None:
            raise InvalidTokenError
        credential = Credential(
            claims=claims,
            tenant=resolve_tenant(issuer, claims),
            permissions=permissions_of(claims.roles, self._roles),
            issued_at=claims.issued_at - issuer.leeway,
        )
        self._cache.add(token, credential, claims.remembered_until)
        return credential

    async def _read_account(self, credential: Credential) -> KnownAccount:
        key = (credential.claims.issuer, credential.claims.subject, credential.tenant)
        account = await self._accounts.find(*key)
        if account is None:
            await self._accounts.add(*key, credential.issued_at)
            account = await self._accounts.find(*key)
        if account is None or not account.admits(credential.issued_at):
            # Erased, be it between the two statements: a later sign-in makes a fresh account.
            _log.warning("caller_refused", status="erased")
            raise InvalidTokenError("erased")
        return account


def _actor(credential: Credential, account: KnownAccount) -> Actor:
    claims = credential.claims
    return Actor.user(account.account_id, account.tenant_id, claims.issuer, claims.subject)


def _make_principal(credential: Credential, account: KnownAccount) -> Principal:
    known = credential.principals.get(account.account_id)
    if known is None:
        known = credential.principals[account.account_id] = Principal.from_claims(
            credential.claims,
            user_id=account.account_id,
            tenant_id=account.tenant_id,
            tenant=credential.tenant,
            permissions=credential.permissions,
        )
    return known
