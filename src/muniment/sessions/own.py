"""What users do with sessions of their own: see them, end them, sign out."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from muniment.identity.authentication import Caller
from muniment.identity.errors import PermissionDeniedError
from muniment.kit.clock import Clock
from muniment.kit.pagination import Page, PageRequest
from muniment.sessions.authorization_server import AuthorizationServer
from muniment.sessions.errors import SessionNotFoundError
from muniment.sessions.key_ring import SealBrokenError
from muniment.sessions.known import find_session, own_scope
from muniment.sessions.models import WebSession
from muniment.sessions.opening import end_sessions
from muniment.sessions.repository import SESSIONS_BY_AGE, WebSessionRepository
from muniment.sessions.tickets import is_ticket
from muniment.sessions.vault import ID_TOKEN, REFRESH, Vault


@dataclass(frozen=True, slots=True)
class _Ended:
    """What an ended session held, opened to be given back to the issuer."""

    refresh_token: SecretStr | None
    id_token: SecretStr | None


@dataclass(frozen=True, slots=True)
class ListedSession:
    """One session as its user sees it."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str
    is_current: bool


class OwnSessions:
    """The sessions of callers, for themselves; one for the whole process.

    Its transactions are short and its own (a named exception of docs/decisions/0002): after what
    ends here it tells the issuer.
    """

    def __init__(self, vault: Vault, server: AuthorizationServer | None, clock: Clock) -> None:
        self._vault = vault
        self._server = server
        self._clock = clock

    async def list_own(self, caller: Caller, paging: PageRequest) -> Page[ListedSession]:
        """List the living sessions of the caller, oldest first."""
        _refuse_keys(caller)
        principal = caller.principal
        scope = own_scope(principal.tenant_id, principal.user_id)
        async with self._vault.transactions.begin(scope) as session:
            rows = await WebSessionRepository(session).list_page(
                principal.user_id, self._clock.now(), paging
            )
        current = caller.grounds.web_session_id
        listed = [
            ListedSession(
                id=row.id,
                created_at=row.created_at,
                last_seen_at=row.last_seen_at,
                expires_at=min(row.idle_expires_at, row.absolute_expires_at),
                user_agent=row.user_agent,
                is_current=row.id == current,
            )
            for row in rows
        ]
        return paging.page(listed, SESSIONS_BY_AGE, lambda one: (one.id,))

    async def end_one(self, caller: Caller, session_id: UUID) -> None:
        """End one session of the caller. Raises SessionNotFoundError."""
        if not await self._end(caller, only=session_id):
            raise SessionNotFoundError

    async def end_others(self, caller: Caller) -> None:
        """End all sessions of the caller but the one that they call with."""
        await self._end(caller, but=caller.grounds.web_session_id)

    async def sign_out(self, ticket: str | None) -> str | None:
        """End the session of a cookie, if there is one, here.

        Gives the address where the browser ends its session with the issuer too. Until it goes
        there, single sign-on lives on: giving the refresh token back would end that as well, so
        that is done only where the issuer has no such address.
        """
        found = None
        if ticket is not None and is_ticket(ticket):
            found = await find_session(self._vault.reads, ticket)
        if found is None:
            return None
        async with self._vault.transactions.begin(found.scope) as session:
            rows = await WebSessionRepository(session).find_living(found.account_id, only=found.id)
            ended = [self._opened(row) for row in rows]
            ids = [row.id for row in rows]
            await end_sessions(session, ids, found.actor, self._clock.now())
        address = None
        if self._server is not None and found.issuer == self._server.issuer:
            address = await self._server.logout_address(ended[0].id_token if ended else None)
        if address is None:
            await self._give_back(ended)
        return address

    async def _end(
        self, caller: Caller, *, only: UUID | None = None, but: UUID | None = None
    ) -> bool:
        _refuse_keys(caller)
        principal = caller.principal
        scope = own_scope(principal.tenant_id, principal.user_id)
        async with self._vault.transactions.begin(scope) as session:
            rows = await WebSessionRepository(session).find_living(
                principal.user_id, only=only, but=but
            )
            ended = [self._opened(row) for row in rows]
            ids = [row.id for row in rows]
            await end_sessions(session, ids, principal.actor, self._clock.now())
        await self._give_back(ended)
        return bool(ended)

    async def _give_back(self, ended: list[_Ended]) -> None:
        """Take their refresh tokens back at the issuer, now that no transaction is open."""
        for one in ended:
            if self._server is not None and one.refresh_token is not None:
                await self._server.revoke(one.refresh_token)

    def _opened(self, row: WebSession) -> _Ended:
        return _Ended(
            refresh_token=self._open(row.refresh_sealed, row.id, REFRESH),
            id_token=self._open(row.id_token_sealed, row.id, ID_TOKEN),
        )

    def _open(self, sealed: bytes | None, row: UUID, column: str) -> SecretStr | None:
        if sealed is None:
            return None
        try:
            return SecretStr(self._vault.open(sealed, row, column))
        except SealBrokenError:
            return None  # by a key that has gone: nobody can use it any more


def _refuse_keys(caller: Caller) -> None:
    """Let who came as themselves go on: who finds a key could lock its owner out."""
    if caller.grounds.key_id is not None:
        raise PermissionDeniedError(
            "An API key neither sees nor ends browser sessions.",
            hint="Sign in with a browser, or send an access token.",
        )
