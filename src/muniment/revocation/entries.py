"""What a revocation covers: the rule that memory and database both keep."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from muniment.identity.grounds import Grounds
from muniment.revocation.models import RevocationKind

Key = tuple[RevocationKind, str, str]
"""Kind, issuer and name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was taken back, as far as it is from before the cut-off or from that very moment."""

    kind: RevocationKind
    issuer: str
    name: str
    cutoff: datetime

    @property
    def key(self) -> Key:
        """Name what it is about."""
        return (self.kind, self.issuer, self.name)


SKEW: Final = timedelta(seconds=5)
"""How far the clocks of our own processes and of the database may be apart."""


def issued(grounds: Grounds) -> Iterator[tuple[Key, datetime]]:
    """Give each name by which the issuer may take a right back, with the moment it is from.

    Measured on the issuer's clock; what has no `iat` never came from it.
    """
    if grounds.issued_at is not None:
        yield ("issuer", grounds.issuer, ""), grounds.issued_at
        yield ("subject", grounds.issuer, grounds.subject), grounds.issued_at
        if grounds.session_id is not None:
            yield ("session", grounds.issuer, grounds.session_id), grounds.issued_at


def admitted(grounds: Grounds) -> Iterator[tuple[Key, datetime]]:
    """Give each name by which we may take a right back, with the moment we let the caller in.

    For what is open: requests read the rows of account, key and session each time. Somebody let in
    anew within the skew may be ended once, and comes again.
    """
    moment = grounds.admitted_at - SKEW
    yield ("account", "", str(grounds.account_id)), moment
    if grounds.key_id is not None:
        yield ("key", "", str(grounds.key_id)), moment
    if grounds.web_session_id is not None:
        yield ("web_session", "", str(grounds.web_session_id)), moment
