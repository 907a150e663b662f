"""What lets a caller in, kept as long as their request: by these names it can be taken back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Grounds:
    """The credential behind a request or a stream, as a revocation would name it.

    Times are of two clocks: the issuer wrote `issued_at` and `expires_at`, we wrote `admitted_at`.
    A revocation from the issuer is compared with the former, one of ours with the latter.
    """

    account_id: UUID
    issuer: str
    subject: str
    admitted_at: datetime
    issued_at: datetime | None = None
    """`iat` of the token; None for what has no token."""
    expires_at: datetime | None = None
    """When the credential ends by itself; None for one that does not."""
    session_id: str | None = None
    """`sid`: the single sign-on session at the issuer."""
    key_id: UUID | None = None
    """The API key, for a caller who came with one."""
    web_session_id: UUID | None = None
    """The browser session, for a caller who came with a cookie."""


class RevocationCheck(Protocol):
    """Knows what was taken back."""

    async def is_revoked(self, grounds: Grounds) -> bool:
        """Tell whether a caller's right was taken back. Raises UnavailableError if unknown."""
        ...
