"""From the header of a request to its caller: who it is, and that they may still come in.

What a token says is remembered until it expires, because checking a signature is dear and its
answer cannot change. What the database says is asked at every request, because it can: a user who
was disabled a moment ago is refused, remembered token or not.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from muniment.identity.claims import VerifiedClaims
from muniment.identity.errors import AuthenticationRequiredError, InvalidTokenError
from muniment.identity.issuers import TrustedIssuers
from muniment.identity.permissions import Permission, permissions_of
from muniment.identity.principal import Principal
from muniment.identity.repository import AccountRepository, KnownAccount
from muniment.identity.settings import IdentitySettings
from muniment.identity.tenants import resolve_tenant
from muniment.identity.token_cache import TokenCache
from muniment.identity.verifier import TokenVerifier
from muniment.kit.hit_metrics import HitFigures
from muniment.kit.logging import bind_caller

API_KEY_PREFIX = "mun_"
Verified = Callable[[Principal], Awaitable[None]]
"""Is told whose token was verified, for what works in their name while they are away."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, with the row of the account that was read to know it."""

    principal: Principal
    account: KnownAccount


@dataclass(frozen=True, slots=True)
class Credential:
    """What follows from a good token alone, whatever the database says."""

    claims: VerifiedClaims
    tenant: str
    permissions: frozenset[Permission]
    issued_at: datetime
    """When it was issued by our clock, at the earliest: the issuer's may be ahead of it."""


class Authenticator:
    """Tells who is calling; one for the whole process.

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
        on_verified: Verified | None = None,
    ) -> None:
        self._verifier = verifier
        self._issuers = issuers
        self._cache = cache
        self._accounts = accounts
        self._roles = settings.roles
        self._on_verified = on_verified

    def token_figures(self) -> HitFigures:
        """Tell how often a token was known, so that it was not verified anew."""
        return self._cache.figures

    async def authenticate(self, authorization: str | None) -> Caller:
        """Give the caller that the header `Authorization` stands for.

        Raises AuthenticationRequiredError, InvalidTokenError or TenantRequiredError. The form of
        the credential chooses how it is checked, once: a failure never falls through to another
        way in.
        """
        token = _read_token(authorization)
        known = self._cache.find(token)
        credential = known or await self._verify(token)
        account = await self._read_account(credential)
        if not account.is_active:
            _log.warning("caller_refused", account=str(account.account_id), status=account.status)
            raise InvalidTokenError
        bind_caller(tenant=credential.tenant, user=str(account.account_id))
        caller = Caller(_make_principal(credential, account), account)
        if known is None:
            await self._tell_verified(caller.principal)
        return caller

    async def _tell_verified(self, principal: Principal) -> None:
        if self._on_verified is None:
            return
        try:
            await self._on_verified(principal)
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
        self._cache.add(token, credential, claims.expires_at)
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
            raise InvalidTokenError
        return account


def _read_token(authorization: str | None) -> str:
    if authorization is None:
        raise AuthenticationRequiredError
    scheme, space, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or token.startswith(API_KEY_PREFIX):
        # Without a space all of it may be a secret, sent by itself.
        _log.warning("credential_refused", scheme=scheme[:16] if space else None)
        raise InvalidTokenError
    return token


def _make_principal(credential: Credential, account: KnownAccount) -> Principal:
    return Principal.from_claims(
        credential.claims,
        user_id=account.account_id,
        tenant_id=account.tenant_id,
        tenant=credential.tenant,
        permissions=credential.permissions,
    )
