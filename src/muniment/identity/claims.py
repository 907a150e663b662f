"""What a token must say before anything in it counts, and what is taken from it then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from muniment.identity.assertions import attributes_of, groups_of, organisations_of, roles_of
from muniment.identity.issuers import TrustedIssuer
from muniment.identity.names import is_plain, valid_subject
from muniment.identity.refusals import Reason, TokenRefusedError
from muniment.ports.access import AttributeValue

ACCESS_TOKEN: Final = "Bearer"  # noqa: S105 - the payload `typ` of Keycloak's access tokens
LATEST_TIME: Final = 253_402_300_799
"""The end of the year 9999, the last moment that a datetime can hold."""
MAX_IDENTIFIER_LENGTH: Final = 255
MAX_ASSERTED_NAME: Final = 200
"""As long as a display name may be."""
OTHER_PURPOSES: Final = ("events", "nonce", "at_hash", "c_hash")
"""Claims of logout and identity tokens: signed by the same key, never meant as a credential."""


@dataclass(frozen=True, slots=True)
class VerifiedClaims:
    """What an accepted token says, narrowed to what its issuer may assert."""

    issuer: str
    subject: str
    client: str
    issued_at: datetime
    expires_at: datetime
    roles: frozenset[str]
    groups: frozenset[str]
    group_prefix: str
    attributes: Mapping[str, AttributeValue]
    organisations: frozenset[str]
    session_id: str | None = None
    """`sid`: the single sign-on session, for revocation."""
    token_id: str | None = None
    """`jti`."""
    name: str | None = None
    """What the issuer calls the user: `name`, else `preferred_username`."""
    email: str | None = None
    locale: str | None = None
    believed_until: datetime | None = None
    """When the issuer has to be asked again, if it was; None for what holds until it expires."""

    @property
    def remembered_until(self) -> datetime:
        """Tell how long these claims need not be verified anew."""
        return min(self.expires_at, self.believed_until or self.expires_at)


def read_claims(
    claims: Mapping[str, object], issuer: TrustedIssuer, now: datetime
) -> VerifiedClaims:
    """Check the claims of a token whose signature holds, and take from it what counts."""
    _check_audience(claims, issuer.audience)
    issued_at, expires_at = _check_times(claims, issuer, now.timestamp())
    subject = _check_subject(claims)
    client = _check_client(claims, issuer.clients)
    _check_purpose(claims)
    return VerifiedClaims(
        issuer=issuer.identifier,
        subject=subject,
        client=client,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
        roles=roles_of(claims, issuer),
        groups=groups_of(claims, issuer),
        group_prefix=issuer.assertable.group_prefix,
        attributes=attributes_of(claims, issuer),
        organisations=organisations_of(claims, issuer),
        session_id=read_identifier(claims, "sid"),
        token_id=read_identifier(claims, "jti"),
        name=_asserted_name(claims),
        email=_display(claims, "email"),
        locale=_display(claims, "locale"),
    )


def _check_audience(claims: Mapping[str, object], audience: str) -> None:
    value = claims.get("aud")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values) or audience not in values:
        raise TokenRefusedError(Reason.AUDIENCE)


def _check_times(
    claims: Mapping[str, object], issuer: TrustedIssuer, now: float
) -> tuple[float, float]:
    issued_at, expires_at = read_time(claims, "iat"), read_time(claims, "exp")
    not_before = read_time(claims, "nbf") if "nbf" in claims else issued_at
    if now >= expires_at:
        raise TokenRefusedError(Reason.EXPIRED)
    if max(issued_at, not_before) > now + issuer.leeway.total_seconds():
        raise TokenRefusedError(Reason.NOT_YET_VALID)
    if not 0 < expires_at - issued_at <= issuer.max_token_lifetime.total_seconds():
        raise TokenRefusedError(Reason.LIFETIME)
    return issued_at, expires_at


def read_time(claims: Mapping[str, object], name: str) -> float:
    """Read a NumericDate (RFC 7519, 2); a boolean is an int in Python and no time anywhere."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefusedError(Reason.TIME)
    # Infinity is beyond every time; math.isfinite would break on an integer of hundreds of digits.
    if not 0 <= value <= LATEST_TIME:
        raise TokenRefusedError(Reason.TIME)
    return value


def _check_subject(claims: Mapping[str, object]) -> str:
    value = claims.get("sub")
    if not isinstance(value, str):
        raise TokenRefusedError(Reason.SUBJECT)
    try:
        return valid_subject(value)
    except ValueError:
        raise TokenRefusedError(Reason.SUBJECT) from None


def _check_client(claims: Mapping[str, object], clients: frozenset[str]) -> str:
    value = claims.get("azp")
    if not isinstance(value, str) or value not in clients:
        raise TokenRefusedError(Reason.CLIENT)
    return value


def _check_purpose(claims: Mapping[str, object]) -> None:
    if claims.get("typ") != ACCESS_TOKEN:
        raise TokenRefusedError(Reason.TOKEN_TYPE)
    if any(name in claims for name in OTHER_PURPOSES):
        raise TokenRefusedError(Reason.OTHER_PURPOSE)
    if "cnf" in claims:
        raise TokenRefusedError(Reason.BOUND_TO_KEY)


def read_identifier(claims: Mapping[str, object], name: str) -> str | None:
    """Read what a token may later be revoked by: passing over a bad one would lose the handle."""
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not is_plain(value, MAX_IDENTIFIER_LENGTH):
        raise TokenRefusedError(Reason.IDENTIFIER)
    return value


def _display(claims: Mapping[str, object], name: str) -> str | None:
    value = claims.get(name)
    if isinstance(value, str) and is_plain(value, MAX_IDENTIFIER_LENGTH):
        return value
    return None


def _asserted_name(claims: Mapping[str, object]) -> str | None:
    """Read what to show of a user to colleagues; what is no name for a line is passed over."""
    for claim in ("name", "preferred_username"):
        value = claims.get(claim)
        name = value.strip() if isinstance(value, str) else ""
        if is_plain(name, MAX_ASSERTED_NAME):
            return name
    return None
