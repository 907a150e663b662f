"""Takes back what an issuer or an administrator says, in the transaction of who asks for it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.repository import AuditRepository
from muniment.identity.refusals import TokenRefusedError
from muniment.kit.origin import origin
from muniment.postgres.unit_of_work import Transactions
from muniment.revocation.entries import Entry
from muniment.revocation.errors import LogoutTokenRefusedError
from muniment.revocation.logout_tokens import LogoutTokenVerifier
from muniment.revocation.repository import RevocationRepository

EndSessions = Callable[[AsyncSession, Entry], Awaitable[None]]
"""Ends the browser sessions that an entry is about, in the same transaction."""
_log = structlog.get_logger(__name__)


class BackChannel:
    """Hears from issuers that sessions of theirs have ended; one for the whole process.

    It answers after its own commit, so that the issuer knows that it is done (a named exception of
    docs/decisions/0002: there is no caller, and so no transaction of a request).
    """

    def __init__(
        self,
        verifier: LogoutTokenVerifier,
        transactions: Transactions,
        end_sessions: EndSessions | None = None,
    ) -> None:
        self._verifier = verifier
        self._transactions = transactions
        self._end_sessions = end_sessions

    async def log_out(self, token: str) -> None:
        """End what the token says has ended. Raises LogoutTokenRefusedError or UnavailableError."""
        try:
            heard = await self._verifier.verify(token)
        except TokenRefusedError as refusal:
            _log.warning("logout_token_refused", reason=refusal.reason.value)
            raise LogoutTokenRefusedError from None
        async with self._transactions.begin(None) as session:
            is_new = await RevocationRepository(session).add([heard.entry], heard.token_id)
            if is_new and self._end_sessions is not None:
                await self._end_sessions(session, heard.entry)
            if is_new:
                trail = AuditRepository(session)
                await trail.add_logout(heard.entry.issuer, heard.subject, origin())
        if not is_new:
            _log.warning("logout_token_refused", reason="replayed")
            raise LogoutTokenRefusedError
        _log.info("logged_out", kind=heard.entry.kind, issuer=heard.entry.issuer)


async def revoke_account(session: AsyncSession, account_id: UUID, now: datetime) -> None:
    """End whatever is open for an account, as when it is disabled or erased."""
    await RevocationRepository(session).add([Entry("account", "", str(account_id), now)])


async def revoke_key(session: AsyncSession, key_id: UUID, now: datetime) -> None:
    """End whatever is open for an API key."""
    await RevocationRepository(session).add([Entry("key", "", str(key_id), now)])


async def revoke_web_session(session: AsyncSession, session_id: UUID, now: datetime) -> None:
    """End whatever is open for a browser session."""
    await RevocationRepository(session).add([Entry("web_session", "", str(session_id), now)])
