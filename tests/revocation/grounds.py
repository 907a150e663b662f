"""The grounds of somebody who came with a token of a single sign-on session."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from muniment.identity.grounds import Grounds

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ISSUER = "https://sso.example.com/realms/muniment"
ACCOUNT = UUID("01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77")
KEY = UUID("01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e78")
WEB_SESSION = UUID("01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e79")

ALICE = Grounds(
    account_id=ACCOUNT,
    issuer=ISSUER,
    subject="alice",
    admitted_at=NOON,
    issued_at=NOON,
    session_id="sid-1",
)


def issued_at(moment: datetime) -> Grounds:
    return replace(ALICE, issued_at=moment)
