"""Opening sessions, and ending them: what signing in and signing out have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Actor, Target
from muniment.audit.trail import record
from muniment.identity.authentication import Caller
from muniment.identity.repository import hold_active
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock
from muniment.kit.ids import new_id
from muniment.revocation.repository import RevocationRepository
from muniment.revocation.service import revoke_web_session
from muniment.sessions.errors import SignInBrokenError
from muniment.sessions.known import find_session, own_scope
from muniment.sessions.models import WebSession
from muniment.sessions.repository import WebSessionRepository, hold_off_logouts
from muniment.sessions.rights import Rights
from muniment.sessions.tickets import hash_of, is_ticket, new_ticket
from muniment.sessions.vault import ID_TOKEN, REFRESH, Vault

_USER_AGENT_LENGTH = 200
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Browser:
    """What is known of a browser that signs in."""

    user_agent: str = ""
    replaced: str | None = None
    """The cookie of a session that it comes with: a new one takes its place."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in and what the issuer gave for it; in local mode it gives nothing."""

    caller: Caller
    session_id: str | None = None
    """`sid`."""
    asks_again_at: datetime | None = None
    refresh_token: SecretStr | None = None
    id_token: SecretStr | None = None


class SessionOpener:
    """Opens sessions; one for the whole process."""

    def __init__(
        self,
        vault: Vault,
        settings: IdentitySettings,
        clock: Clock,
    ) -> None:
        self._vault = vault
        self._settings = settings
        self._clock = clock

    async def open(self, signed_in: SignedIn, browser: Browser) -> SecretStr:
        """Open a session and give the value of its cookie, always a new one.

        Raises SignInBrokenError where the issuer has ended its own session meanwhile, or the user
        was disabled or erased here.
        """
        ticket = new_ticket()
        row = self._row(ticket, signed_in, browser)
        scope = own_scope(row.tenant_id, row.account_id)
        async with self._vault.transactions.begin(scope) as session:
            await hold_off_logouts(session, row.issuer)
            if await RevocationRepository(session).covers(signed_in.caller.grounds):
                _log.warning("sign_in_refused", reason="logged_out_meanwhile")
                raise SignInBrokenError("logged_out_meanwhile")
            if not await hold_active(session, row.account_id):
                _log.warning("sign_in_refused", reason="shut_out_meanwhile")
                raise SignInBrokenError("shut_out_meanwhile")
            await WebSessionRepository(session).add(row)
            target = Target("session", row.id)
            await record(
                session, Act(Action.SESSION_STARTED, signed_in.caller.principal.actor, target)
            )
        if browser.replaced is not None and is_ticket(browser.replaced):
            await self._end_replaced(browser.replaced)
        _log.info("signed_in", issuer=row.issuer, session=str(row.id))
        return SecretStr(ticket)

    def _row(self, ticket: str, signed_in: SignedIn, browser: Browser) -> WebSession:
        now, session_id = self._clock.now(), new_id()
        principal, settings = signed_in.caller.principal, self._settings
        ends_at = now + settings.session_lifetime
        return WebSession(
            id=session_id,
            id_hash=hash_of(ticket),
            tenant_id=principal.tenant_id,
            account_id=principal.user_id,
            issuer=principal.issuer,
            subject=principal.subject,
            sid=signed_in.session_id,
            rights=Rights.of(principal).as_json(),
            verified_at=now,
            issued_at=signed_in.caller.grounds.issued_at,
            access_expires_at=signed_in.asks_again_at,
            refresh_sealed=self._vault.seal(signed_in.refresh_token, session_id, REFRESH),
            id_token_sealed=self._vault.seal(signed_in.id_token, session_id, ID_TOKEN),
            created_at=now,
            last_seen_at=now,
            idle_expires_at=min(now + settings.session_idle, ends_at),
            absolute_expires_at=ends_at,
            user_agent="".join(filter(str.isprintable, browser.user_agent))[:_USER_AGENT_LENGTH],
        )

    async def _end_replaced(self, ticket: str) -> None:
        """End the session that the browser had; the issuer's goes on in the new one."""
        found = await find_session(self._vault.reads, ticket)
        if found is None:
            return
        async with self._vault.transactions.begin(found.scope) as session:
            await end_sessions(session, [found.id], found.actor, self._clock.now())


async def end_sessions(
    session: AsyncSession, ids: Sequence[UUID], actor: Actor, now: datetime
) -> None:
    """End sessions of the user whose transaction this is, and what is open by them."""
    await WebSessionRepository(session).end(ids, now)
    for session_id in ids:
        await revoke_web_session(session, session_id, now)
        await record(session, Act(Action.SESSION_ENDED, actor, Target("session", session_id)))
