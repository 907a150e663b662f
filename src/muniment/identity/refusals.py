"""Why a token is refused: a closed list of reasons, for the log alone."""

from enum import StrEnum


class Reason(StrEnum):
    """What was wrong with a token."""

    SIZE = "size"
    FORM = "form"
    """Not three segments of canonical base64url (RFC 7515, 2 and 3.1)."""
    JSON = "json"
    """Not strict JSON, a repeated member, or too deeply nested (RFC 8725, 2.4 and 3.12)."""
    HEADER_MEMBER = "header_member"
    """A header member that would bring its own key or change the meaning of the rest."""
    HEADER_TYPE = "header_type"
    ISSUER = "issuer"
    KEY_ID = "key_id"
    UNKNOWN_KEY = "unknown_key"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    AUDIENCE = "audience"
    TIME = "time"
    """A time that is missing or not a number."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME = "lifetime"
    SUBJECT = "subject"
    CLIENT = "client"
    TOKEN_TYPE = "token_type"  # noqa: S105 - the code of a reason
    OTHER_PURPOSE = "other_purpose"
    """A claim that only identity and logout tokens carry."""
    BOUND_TO_KEY = "bound_to_key"
    """Sender-constrained (`cnf`, RFC 7800), and no proof was asked for or given."""
    INACTIVE = "inactive"
    """The issuer says, when asked, that the token is not alive."""
    REVOKED = "revoked"
    IDENTIFIER = "identifier"
    """`sid` or `jti` is no plain text, so the token could not be revoked by it."""


class TokenRefusedError(Exception):
    """A token failed a check; the verifier turns this into the one answer for all."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
