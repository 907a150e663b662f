"""Asking the issuer again when its word grows old: once, however many ask in all processes.

A refresh token is good once. Who shows one a second time ends the user's session at the issuer
(measured), so that one alone asks is not thrift but correctness. A short transaction takes a lease
with a generation, the call is made with no transaction open, and a short transaction stores what
came, if the generation still is the same.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog
from pydantic import SecretStr

from muniment.identity.authentication import Caller, WayIn
from muniment.identity.errors import ProviderUnavailableError, SessionEndedError
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock
from muniment.kit.errors import MunimentError, UnavailableError
from muniment.kit.operational import find_operational_rule
from muniment.revocation.repository import RevocationRepository
from muniment.sessions.authorization_server import AuthorizationServer, GrantedTokens
from muniment.sessions.errors import GrantLostError, GrantRefusedError
from muniment.sessions.id_tokens import IdTokenVerifier
from muniment.sessions.key_ring import SealBrokenError
from muniment.sessions.known import KnownSession, find_session
from muniment.sessions.opening import end_sessions
from muniment.sessions.repository import Changes, Lease, WebSessionRepository, hold_off_logouts
from muniment.sessions.rights import Rights
from muniment.sessions.tickets import hash_of, new_ticket
from muniment.sessions.vault import ID_TOKEN, REFRESH, Vault

LEASE: Final = timedelta(seconds=60)
"""Longer than the call, the checks after it and storing what came can take together."""
CHECKS: Final = timedelta(seconds=20)
"""How long the checks may take: so that enough of the lease is left to store what came."""
PAUSE: Final = timedelta(seconds=5)
"""How long an issuer that gave no answer is left alone."""
CROSSING: Final = timedelta(seconds=10)
"""How long the value of a cookie before the last is good: requests cross on their way."""
_PATIENCE_S: Final = 8.0
_POLL_S: Final = 0.05
_RETRY_S: Final = 0.5
_MARGIN_S: Final = 5.0
"""How long before the end of its lease a process stops writing."""
Written = TypeVar("Written")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fresh:
    """A session whose rights may be believed, and the new value of its cookie if it has one."""

    session: KnownSession
    new_cookie: SecretStr | None = None


class Refresher:
    """Renews sessions; one for the whole process.

    Its transactions are short and its own (a named exception of docs/decisions/0002): what the
    issuer gave is stored whatever becomes of the request that asked.
    """

    def __init__(
        self,
        server: AuthorizationServer,
        tokens: WayIn,
        id_tokens: IdTokenVerifier,
        vault: Vault,
        settings: IdentitySettings,
        clock: Clock,
    ) -> None:
        self._server = server
        self._tokens = tokens
        self._id_tokens = id_tokens
        self._vault = vault
        self._settings = settings
        self._clock = clock
        self._running: dict[UUID, asyncio.Task[Fresh]] = {}

    async def refresh(self, session: KnownSession, ticket: str) -> Fresh:
        """Give the session with rights that may be believed.

        Raises SessionEndedError, or ProviderUnavailableError when the grace is over.
        """
        running = self._running.get(session.id)
        if running is None:
            # No request may own it: see below. It is kept here, and close() waits for it.
            running = asyncio.create_task(self._refresh(session, ticket))  # noqa: TID251
            self._running[session.id] = running
            running.add_done_callback(lambda task: self._forget(session.id, task))
        # Who asked may go away; what the issuer answers is good only once, and has to be stored.
        await asyncio.wait([running], timeout=_PATIENCE_S)
        return running.result() if running.done() else self._as_it_was(session)

    def _forget(self, session_id: UUID, task: asyncio.Task[Fresh]) -> None:
        del self._running[session_id]
        if not task.cancelled():
            task.exception()

    async def close(self) -> None:
        """Wait for what is under way: its answers would be lost."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _refresh(self, session: KnownSession, ticket: str) -> Fresh:
        patient_until = time.monotonic() + _PATIENCE_S
        while True:
            lease = await self._take_lease(session)
            if lease is not None:
                return await self._ask(session, lease)
            found = await find_session(self._vault.reads, ticket)
            if found is None:
                raise SessionEndedError
            session = found
            if not session.is_stale(self._clock.now()):
                return Fresh(session)
            if session.refresh_failed_at is not None or time.monotonic() > patient_until:
                return self._as_it_was(session)
            await asyncio.sleep(_POLL_S)

    async def _take_lease(self, session: KnownSession) -> Lease | None:
        async with self._vault.transactions.begin(session.scope) as transaction:
            rows = WebSessionRepository(transaction)
            return await rows.take_lease(session.id, session.refresh_generation, LEASE)

    async def _ask(self, session: KnownSession, lease: Lease) -> Fresh:
        if lease.refresh_sealed is None:
            # The issuer gave none: its word holds as long as the access token did.
            raise await self._ended(session, lease, "no_refresh_token")
        try:
            spent = self._vault.open(lease.refresh_sealed, session.id, REFRESH)
            granted = await self._server.refresh(spent)
        except SealBrokenError:
            # Our own fault, and maybe of this server alone: another may have the key.
            _log.warning("session_not_opened", reason="another_key", session=str(session.id))
            return await self._wait_for_issuer(session, lease, None)
        except GrantRefusedError:
            raise await self._ended(session, lease, "refused_by_issuer") from None
        except GrantLostError:
            return await self._wait_for_issuer(session, lease, None)
        try:
            async with asyncio.timeout(CHECKS.total_seconds()):
                caller = await self._believe(session, granted)
        except Exception as error:  # boundary: passed on unless it passes by itself or is a refusal
            if _passes(error):
                # Good tokens, and no way to tell so: they are kept, for the old ones are spent.
                return await self._wait_for_issuer(session, lease, granted.refresh_token)
            if not isinstance(error, MunimentError):
                raise
            await self._give_back(granted)
            raise await self._ended(session, lease, "answer_refused") from None
        return await self._store(session, lease, granted, caller)

    async def _believe(self, session: KnownSession, granted: GrantedTokens) -> Caller:
        """Check what came: of the same user in the same tenant, for this client."""
        caller = await self._tokens.authenticate(granted.access_token.get_secret_value())
        is_same = caller.principal.client == self._server.client_id
        if granted.id_token is not None:
            identity = await self._id_tokens.verify(granted.id_token.get_secret_value(), None)
            is_same = is_same and identity.subject == session.subject
        if not is_same or caller.account.account_id != session.account_id:
            raise SessionEndedError
        return caller

    async def _store(
        self, session: KnownSession, lease: Lease, granted: GrantedTokens, caller: Caller
    ) -> Fresh:
        now, grounds = self._clock.now(), caller.grounds
        rights = Rights.of(caller.principal)
        ticket = new_ticket() if rights != session.rights else None
        vault = self._vault
        changes = Changes(
            rights=rights.as_json(),
            verified_at=now,
            issued_at=grounds.issued_at,
            access_expires_at=grounds.expires_at,
            refresh_sealed=vault.seal(granted.refresh_token, session.id, REFRESH),
            id_token_sealed=vault.seal(granted.id_token, session.id, ID_TOKEN),
            id_hash=None if ticket is None else hash_of(ticket),
            previous_until=None if ticket is None else now + CROSSING,
        )

        async def write() -> bool:
            async with vault.transactions.begin(session.scope) as transaction:
                await hold_off_logouts(transaction, session.issuer)
                is_good = not await RevocationRepository(transaction).covers(grounds)
                rows = WebSessionRepository(transaction)
                return is_good and await rows.store(session.id, lease.generation, changes)

        if not await _while_it_lasts(lease, write):
            await self._give_back(granted)
            raise await self._ended(session, lease, "ended_meanwhile")
        renewed = replace(
            session,
            rights=rights,
            verified_at=now,
            issued_at=grounds.issued_at,
            access_expires_at=grounds.expires_at,
            refresh_generation=lease.generation + 1,
            lease_until=None,
            refresh_failed_at=None,
        )
        return Fresh(renewed, None if ticket is None else SecretStr(ticket))

    async def _wait_for_issuer(
        self, session: KnownSession, lease: Lease, refresh_token: SecretStr | None
    ) -> Fresh:
        kept = self._vault.seal(refresh_token, session.id, REFRESH)

        async def write() -> None:
            async with self._vault.transactions.begin(session.scope) as transaction:
                rows = WebSessionRepository(transaction)
                await rows.note_silence(session.id, lease.generation, PAUSE, kept)

        await (write() if kept is None else _while_it_lasts(lease, write))
        return self._as_it_was(session)

    def _as_it_was(self, session: KnownSession) -> Fresh:
        """Go on with the old rights while the issuer is away, but not for long."""
        if self._clock.now() >= session.believed_until(self._settings.refresh_grace):
            raise ProviderUnavailableError
        return Fresh(session)

    async def _give_back(self, granted: GrantedTokens) -> None:
        await self._server.revoke(granted.refresh_token or granted.access_token)

    async def _ended(self, session: KnownSession, lease: Lease, reason: str) -> SessionEndedError:
        """End the session, unless somebody with a later lease has it in hand."""
        _log.warning("session_ended", reason=reason, session=str(session.id))
        async with self._vault.transactions.begin(session.scope) as transaction:
            row = await WebSessionRepository(transaction).find(session.id)
            if row is not None and row.refresh_generation == lease.generation:
                now = self._clock.now()
                await end_sessions(transaction, [session.id], session.actor, now)
        return SessionEndedError()


async def _while_it_lasts(lease: Lease, write: Callable[[], Awaitable[Written]]) -> Written:
    """Write until it is written: the token before is spent, so that one lost is a session lost."""
    async with asyncio.timeout(max(_MARGIN_S, lease.ends_at - _MARGIN_S - time.monotonic())):
        while True:
            try:
                return await write()
            except Exception as error:  # boundary: passed on unless it passes by itself
                if not _passes(error):
                    raise
                _log.warning("session_not_stored", reason=type(error).__name__)
            await asyncio.sleep(_RETRY_S)


def _passes(error: Exception) -> bool:
    """Tell whether something is only away for the moment, which says nothing about a token."""
    if isinstance(error, MunimentError):
        return isinstance(error, UnavailableError)
    return find_operational_rule(error) is not None
