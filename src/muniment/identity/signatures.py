"""Whether a token is what an issuer signed, whatever kind of token it is.

The first half of every check: its form, its header and its signature, in one order, before
anything that it says counts (RFC 8725, 3.1 to 3.12). What the claims must be, each kind decides.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from muniment.identity.compact import read_compact
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.keys import MAX_KEY_ID_LENGTH, VerificationKey
from muniment.identity.names import is_plain
from muniment.identity.refusals import Reason, TokenRefusedError

FORBIDDEN_MEMBERS: Final = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "cty")
"""They bring a key, point to one, or change what is signed; nothing here has a use for them."""


@dataclass(frozen=True, slots=True)
class SignedClaims:
    """What an issuer did sign; whether it counts here is for others to say."""

    claims: Mapping[str, object]
    issuer: TrustedIssuer


class Signatures:
    """Checks the signatures of trusted issuers."""

    def __init__(self, issuers: TrustedIssuers) -> None:
        self._issuers = issuers

    async def read(self, token: str, types: Collection[str]) -> SignedClaims:
        """Give what a token of one of these types (`typ`, in lower case) says, if it is signed.

        Raises TokenRefusedError, or ProviderUnavailableError where there are no keys to tell.
        """
        parts = read_compact(token)
        _check_header(parts.header, types)
        # The issuer is read before the signature is checked only to know whose keys to ask for;
        # these keys then have to fit, and nothing else is looked at until they do.
        issuer = self._issuers.find(parts.claims.get("iss"))
        if issuer is None:
            raise TokenRefusedError(Reason.ISSUER)
        key = await _find_key(parts.header, issuer)
        if not key.verifies(parts.signed, parts.signature):
            raise TokenRefusedError(Reason.SIGNATURE)
        return SignedClaims(parts.claims, issuer)


def _check_header(header: Mapping[str, object], types: Collection[str]) -> None:
    if any(member in header for member in FORBIDDEN_MEMBERS):
        raise TokenRefusedError(Reason.HEADER_MEMBER)
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in types:
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
