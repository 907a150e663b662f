"""From the cookie of a session to its caller: one statement for each request."""

from datetime import datetime, timedelta
from typing import Final

import structlog

from muniment.identity.authentication import Caller
from muniment.identity.errors import SessionEndedError
from muniment.identity.grounds import RevocationCheck
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock
from muniment.sessions.known import KnownSession, find_session
from muniment.sessions.refreshing import Fresh, Refresher
from muniment.sessions.repository import WebSessionRepository
from muniment.sessions.tickets import is_ticket
from muniment.sessions.vault import Vault

TOUCHED_EVERY: Final = timedelta(minutes=1)
"""How exactly it is known when a session was last used; writing it each time would be dear."""
_log = structlog.get_logger(__name__)


class WebSessions:
    """Lets callers in by the cookie of a browser session; one for the whole process."""

    def __init__(
        self,
        vault: Vault,
        issuer: str | None,
        settings: IdentitySettings,
        clock: Clock,
        revocations: RevocationCheck,
        refresher: Refresher | None = None,
    ) -> None:
        self._vault = vault
        self._issuer = issuer
        self._settings = settings
        self._clock = clock
        self._revocations = revocations
        self._refresher = refresher

    async def authenticate(self, secret: str, *, is_activity: bool = True) -> Caller:
        """Give the caller of a session; without activity it grows idle.

        Raises SessionEndedError for any fault, ProviderUnavailableError or UnavailableError.
        """
        fresh = await self._believed(await self._find(secret), secret)
        session, now = fresh.session, self._clock.now()
        grounds = session.grounds(now, self._settings.refresh_grace)
        if await self._revocations.is_revoked(grounds):
            raise _refused("revoked")
        if is_activity and now - session.last_seen_at >= TOUCHED_EVERY:
            await self._touch(session, now)
        return session.caller(grounds, self._settings, fresh.new_cookie)

    async def _find(self, secret: str) -> KnownSession:
        session = await find_session(self._vault.reads, secret) if is_ticket(secret) else None
        if session is None:
            raise _refused("unknown")
        if session.issuer != self._issuer:
            # Users sign in somewhere else now: who vouched for this one does so no more.
            raise _refused("other_issuer")
        if session.is_over(self._clock.now()):
            raise _refused("expired")
        if session.status != "active":
            raise _refused(session.status)
        return session

    async def _believed(self, session: KnownSession, secret: str) -> Fresh:
        if not session.is_stale(self._clock.now()):
            return Fresh(session)
        if self._refresher is None:
            raise _refused("nobody_to_ask")
        return await self._refresher.refresh(session, secret)

    async def _touch(self, session: KnownSession, now: datetime) -> None:
        idle_at = min(now + self._settings.session_idle, session.absolute_expires_at)
        async with self._vault.transactions.begin(session.scope) as transaction:
            await WebSessionRepository(transaction).touch(session.id, now, idle_at)


def _refused(reason: str) -> SessionEndedError:
    _log.warning("session_refused", reason=reason)
    return SessionEndedError()
