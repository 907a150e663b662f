"""Identity tokens: what an issuer says to this client about who has just signed in.

The rules are those of OpenID Connect Core 1.0, section 3.1.3.7. The token lets nobody in by itself:
rights come from the access token, which takes the same way as that of any other caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

import structlog

from muniment.identity.claims import read_identifier, read_time
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.refusals import Reason, TokenRefusedError
from muniment.identity.signatures import Signatures
from muniment.kit.clock import Clock
from muniment.sessions.errors import SignInBrokenError
from muniment.sessions.tickets import hash_of

ACCEPTED_TYPES: Final = frozenset({"jwt"})
ID_TOKEN: Final = "ID"  # noqa: S105 - the payload `typ` of a kind of token
"""The payload `typ` of Keycloak's identity tokens; others have none."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, and in which single sign-on session."""

    subject: str
    session_id: str | None


class IdTokenVerifier:
    """Checks identity tokens of one issuer for one client; one for the whole process."""

    def __init__(self, issuers: TrustedIssuers, issuer: str, client_id: str, clock: Clock) -> None:
        self._signatures = Signatures(issuers)
        self._issuer = issuer
        self._client_id = client_id
        self._clock = clock

    async def verify(self, token: str, nonce_hash: bytes | None) -> Identity:
        """Check a token; without a nonce it comes from a refresh, which has none of its own.

        Raises SignInBrokenError, or ProviderUnavailableError where there are no keys to tell.
        """
        try:
            signed = await self._signatures.read(token, ACCEPTED_TYPES)
            return self._check(signed.claims, signed.issuer, nonce_hash)
        except TokenRefusedError as refusal:
            _log.warning("id_token_refused", reason=refusal.reason.value)
            raise SignInBrokenError(f"id_token_{refusal.reason.value}") from None

    def _check(
        self, claims: Mapping[str, object], issuer: TrustedIssuer, nonce_hash: bytes | None
    ) -> Identity:
        if issuer.identifier != self._issuer:
            raise TokenRefusedError(Reason.ISSUER)
        self._check_audience(claims)
        self._check_times(claims, issuer)
        if claims.get("typ", ID_TOKEN) != ID_TOKEN:
            raise TokenRefusedError(Reason.TOKEN_TYPE)
        if nonce_hash is not None:
            nonce = claims.get("nonce")
            if not isinstance(nonce, str) or not compare_digest(hash_of(nonce), nonce_hash):
                raise TokenRefusedError(Reason.OTHER_PURPOSE)
        subject = read_identifier(claims, "sub")
        if subject is None:
            raise TokenRefusedError(Reason.SUBJECT)
        return Identity(subject, read_identifier(claims, "sid"))

    def _check_audience(self, claims: Mapping[str, object]) -> None:
        """Refuse what is for others, or was made for another and is for this one as well."""
        value = claims.get("aud")
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in values) or self._client_id not in values:
            raise TokenRefusedError(Reason.AUDIENCE)
        if (len(values) > 1 or "azp" in claims) and claims.get("azp") != self._client_id:
            raise TokenRefusedError(Reason.CLIENT)

    def _check_times(self, claims: Mapping[str, object], issuer: TrustedIssuer) -> None:
        now, leeway = self._clock.now().timestamp(), issuer.leeway.total_seconds()
        if now >= read_time(claims, "exp"):
            raise TokenRefusedError(Reason.EXPIRED)
        if read_time(claims, "iat") > now + leeway:
            raise TokenRefusedError(Reason.NOT_YET_VALID)
