"""Checking an access token: every rule in one order, one answer for every failure.

The rules are those of RFC 8725 (best practices for JSON Web Tokens) and RFC 9068, tightened by what
a real Keycloak sends. Libraries check signatures only: none of them refuses all that must be.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import structlog

from muniment.identity.claims import VerifiedClaims, read_claims
from muniment.identity.compact import MAX_TOKEN_LENGTH, read_compact
from muniment.identity.errors import InvalidTokenError
from muniment.identity.introspection import TokenIntrospection
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.keys import MAX_KEY_ID_LENGTH, VerificationKey
from muniment.identity.names import is_plain
from muniment.identity.refusals import Reason, TokenRefusedError
from muniment.kit.clock import Clock

FORBIDDEN_MEMBERS: Final = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "cty")
"""They bring a key, point to one, or change what is signed; nothing here has a use for them."""
ACCEPTED_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})

_OPAQUE = re.compile(r"[A-Za-z0-9\-_~+/]{16,2048}=*")
"""What a token may look like (RFC 6750, 2.1), without the dots of one that is signed."""
_log = structlog.get_logger(__name__)


class TokenVerifier:
    """Tells what an access token says, if it may be believed."""

    def __init__(self, issuers: TrustedIssuers, clock: Clock) -> None:
        self._issuers = issuers
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
            raise InvalidTokenError from None

    async def _verify(self, token: str) -> VerifiedClaims:
        if "." not in token and len(token) <= MAX_TOKEN_LENGTH:
            return await self._verify_opaque(token)
        parts = read_compact(token)
        _check_header(parts.header)
        # The issuer is read before the signature is checked only to know whose keys to ask for;
        # these keys then have to fit, and nothing else is looked at until they do.
        issuer = self._issuers.find(parts.claims.get("iss"))
        if issuer is None:
            raise TokenRefusedError(Reason.ISSUER)
        key = await _find_key(parts.header, issuer)
        if not key.verifies(parts.signed, parts.signature):
            raise TokenRefusedError(Reason.SIGNATURE)
        if issuer.introspection is None:
            return read_claims(parts.claims, issuer, self._clock.now())
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


def _check_header(header: Mapping[str, object]) -> None:
    if any(member in header for member in FORBIDDEN_MEMBERS):
        raise TokenRefusedError(Reason.HEADER_MEMBER)
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in ACCEPTED_TYPES:
        raise TokenRefusedError(Reason.HEADER_TYPE)


async def _find_key(header: Mapping[str, object], issuer: TrustedIssuer) -> VerificationKey:
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise TokenRefusedError(Reason.ALGORITHM)
    if not isinstance(kid, str) or not is_plain(kid, MAX_KEY_ID_LENGTH):
        raise TokenRefusedError(Reason.KEY_ID)
    key = await issuer.keys.find(kid)
    if key is None:
        raise TokenRefusedError(Reason.UNKNOWN_KEY)
    if key.algorithm != algorithm:
        raise TokenRefusedError(Reason.ALGORITHM)
    return key
