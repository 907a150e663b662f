"""Checking an access token: every rule in one order, one answer for every failure.

The rules are those of RFC 8725 (best practices for JSON Web Tokens) and RFC 9068, tightened by what
a real Keycloak sends. Libraries check signatures only: none of them refuses all that must be.
"""

import re
from dataclasses import replace
from typing import Final

import structlog

from muniment.identity.claims import VerifiedClaims, read_claims
from muniment.identity.compact import MAX_TOKEN_LENGTH
from muniment.identity.errors import InvalidTokenError
from muniment.identity.introspection import TokenIntrospection
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.refusals import Reason, TokenRefusedError
from muniment.identity.signatures import Signatures
from muniment.kit.clock import Clock

ACCEPTED_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})

_OPAQUE = re.compile(r"[A-Za-z0-9\-_~+/]{16,2048}=*")
"""What a token may look like (RFC 6750, 2.1), without the dots of one that is signed."""
_log = structlog.get_logger(__name__)


class TokenVerifier:
    """Tells what an access token says, if it may be believed."""

    def __init__(self, issuers: TrustedIssuers, clock: Clock) -> None:
        self._issuers = issuers
        self._signatures = Signatures(issuers)
        self._clock = clock

    async def verify(self, token: str) -> VerifiedClaims:
        """Check a token and give its claims; raise InvalidTokenError for any fault at all.

        Not checked here: revocation, and whether the user is disabled. Both can change while a
        token lives, so the caller asks for them at every use.
        """
        try:
            return await self._verify(token)
        except TokenRefusedError as refusal:
            _log.warning("token_refused", reason=refusal.reason.value)
            raise InvalidTokenError(refusal.reason.value) from None

    async def _verify(self, token: str) -> VerifiedClaims:
        if "." not in token and len(token) <= MAX_TOKEN_LENGTH:
            return await self._verify_opaque(token)
        signed = await self._signatures.read(token, ACCEPTED_TYPES)
        issuer = signed.issuer
        if issuer.introspection is None:
            return read_claims(signed.claims, issuer, self._clock.now())
        # Asked only about what the issuer did sign: rubbish costs it nothing.
        return await self._ask(token, issuer, issuer.introspection)

    async def _verify_opaque(self, token: str) -> VerifiedClaims:
        """Ask about a token that says nothing by itself, where there is somebody to ask."""
        issuer = self._issuers.sole_introspecting()
        if issuer is None or issuer.introspection is None or not _OPAQUE.fullmatch(token):
            raise TokenRefusedError(Reason.FORM)
        return await self._ask(token, issuer, issuer.introspection)

    async def _ask(
        self, token: str, issuer: TrustedIssuer, introspection: TokenIntrospection
    ) -> VerifiedClaims:
        claims = await introspection.claims_of(token)
        if claims.get("iss") != issuer.identifier:
            raise TokenRefusedError(Reason.ISSUER)
        now = self._clock.now()
        verified = read_claims(claims, issuer, now)
        return replace(verified, believed_until=now + introspection.believed_for)
