"""Logout tokens: what an issuer says when a session of its own has ended.

The rules are those of OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from muniment.identity.claims import read_identifier, read_time
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.refusals import Reason, TokenRefusedError
from muniment.identity.signatures import Signatures
from muniment.kit.clock import Clock
from muniment.revocation.entries import Entry

ACCEPTED_TYPES: Final = frozenset({"logout+jwt", "application/logout+jwt", "jwt"})
"""The first two by the specification; it lets an issuer leave them out."""
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
MAX_AGE: Final = timedelta(minutes=5)
"""An older one is a replay: the issuer sends it when the session ends, and not later."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """What a good logout token ends."""

    entry: Entry
    token_id: str
    subject: str | None = None
    """Who has logged out, if the token says so beside the session."""


class LogoutTokenVerifier:
    """Tells what a logout token ends, if it may be believed."""

    def __init__(self, issuers: TrustedIssuers, clock: Clock) -> None:
        self._signatures = Signatures(issuers)
        self._clock = clock

    async def verify(self, token: str) -> LogoutToken:
        """Check a logout token. Raises TokenRefusedError, or ProviderUnavailableError."""
        signed = await self._signatures.read(token, ACCEPTED_TYPES)
        claims, issuer = signed.claims, signed.issuer
        _check_audience(claims, issuer)
        issued_at = self._check_times(claims, issuer)
        _check_purpose(claims)
        token_id = read_identifier(claims, "jti")
        subject, session_id = read_identifier(claims, "sub"), read_identifier(claims, "sid")
        if token_id is None or (subject is None and session_id is None):
            raise TokenRefusedError(Reason.IDENTIFIER)
        cutoff = datetime.fromtimestamp(issued_at, UTC)
        if session_id is not None:
            entry = Entry("session", issuer.identifier, session_id, cutoff)
        else:
            entry = Entry("subject", issuer.identifier, subject or "", cutoff)
        return LogoutToken(entry, token_id, subject)

    def _check_times(self, claims: Mapping[str, object], issuer: TrustedIssuer) -> float:
        now, leeway = self._clock.now().timestamp(), issuer.leeway.total_seconds()
        issued_at = read_time(claims, "iat")
        if issued_at > now + leeway:
            raise TokenRefusedError(Reason.NOT_YET_VALID)
        ends_at = issued_at + MAX_AGE.total_seconds()
        if "exp" in claims:
            ends_at = min(ends_at, read_time(claims, "exp"))
        if now >= ends_at + leeway:
            raise TokenRefusedError(Reason.EXPIRED)
        return issued_at


def _check_audience(claims: Mapping[str, object], issuer: TrustedIssuer) -> None:
    """Refuse what is for none of the accepted clients: all of them have our address."""
    value = claims.get("aud")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values) or issuer.clients.isdisjoint(values):
        raise TokenRefusedError(Reason.AUDIENCE)


def _check_purpose(claims: Mapping[str, object]) -> None:
    events = claims.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping):
        raise TokenRefusedError(Reason.OTHER_PURPOSE)
    if "nonce" in claims:
        # Such a token could be an identity token in disguise.
        raise TokenRefusedError(Reason.OTHER_PURPOSE)
    if claims.get("typ", "Logout") != "Logout":
        raise TokenRefusedError(Reason.TOKEN_TYPE)
