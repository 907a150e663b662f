"""Sessions and sign-ins under way in the database; each statement in a transaction of who asks."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.kit.pagination import Ordering, PageRequest
from muniment.postgres.unit_of_work import Transactions
from muniment.sessions.models import SignInAttempt, SignInLink, WebSession

SESSIONS_BY_AGE: Final = Ordering("sessions.id", (UUID,))
KEPT_FOR: Final = timedelta(days=1)
"""How long what has ended stays, for whoever wonders."""
ENDED: Final = {"refresh_sealed": None, "id_token_sealed": None, "lease_until": None}
"""What goes at once when a session ends."""
_LOCK_CLASS: Final = 1936029555
"""The first half of the advisory lock's key, as in muniment_end_sessions."""
_HOLD: Final = text("select pg_advisory_xact_lock_shared(:kind, hashtext(:issuer))")
_END: Final = text("select muniment_end_sessions(:issuer, :sid, :subject, :cutoff)")


async def hold_off_logouts(session: AsyncSession, issuer: str) -> None:
    """Make logouts of an issuer wait for this transaction, and this one for those under way.

    Asked before the log of revocations: so either the log has the logout already, or the logout
    finds the session that is stored here.
    """
    await session.execute(_HOLD, {"kind": _LOCK_CLASS, "issuer": issuer})


@dataclass(frozen=True, slots=True)
class NamedSessions:
    """Sessions as an issuer names them: one, or all of a user."""

    issuer: str
    sid: str | None
    subject: str | None
    cutoff: datetime
    """Those that were asked about since then are not meant."""


async def end_named(session: AsyncSession, named: NamedSessions) -> int:
    """End what an issuer says has ended, whoever's it is; give the number."""
    values = {
        "issuer": named.issuer,
        "sid": named.sid,
        "subject": named.subject,
        "cutoff": named.cutoff,
    }
    ended: int = (await session.execute(_END, values)).scalar_one()
    return ended


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to ask the issuer anew, once, and what to ask it with."""

    generation: int
    refresh_sealed: bytes | None
    ends_at: float
    """On the monotonic clock of this process, and rather too early."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What the issuer answered; None leaves a column as it is."""

    rights: dict[str, JsonValue]
    verified_at: datetime
    issued_at: datetime | None
    access_expires_at: datetime | None
    refresh_sealed: bytes | None = None
    id_token_sealed: bytes | None = None
    id_hash: bytes | None = None
    """Set where the cookie has a new value; the one before is good until `previous_until`."""
    previous_until: datetime | None = None


class WebSessionRepository:
    """Every statement about the sessions of one user, whose scope the transaction has."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: WebSession) -> None:
        """Add a session."""
        self._session.add(row)
        await self._session.flush()

    async def touch(self, session_id: UUID, now: datetime, idle_expires_at: datetime) -> None:
        """Note that it is in use. Of two at once the second finds it done."""
        await self._session.execute(
            update(WebSession)
            .where(
                WebSession.id == session_id,
                WebSession.ended_at.is_(None),
                WebSession.last_seen_at < now,
            )
            .values(last_seen_at=now, idle_expires_at=idle_expires_at)
        )

    async def find(self, session_id: UUID) -> WebSession | None:
        """Read one that is alive."""
        living = select(WebSession).where(
            WebSession.id == session_id, WebSession.ended_at.is_(None)
        )
        return (await self._session.scalars(living)).one_or_none()

    async def list_page(
        self, account_id: UUID, now: datetime, paging: PageRequest
    ) -> Sequence[WebSession]:
        """Read the living sessions of a user for a page, and one more."""
        statement = (
            select(WebSession)
            .where(
                WebSession.account_id == account_id,
                WebSession.ended_at.is_(None),
                WebSession.idle_expires_at > now,
                WebSession.absolute_expires_at > now,
            )
            .order_by(WebSession.id)
            .limit(paging.fetch_limit)
        )
        after = paging.after(SESSIONS_BY_AGE)
        if after is not None:
            statement = statement.where(WebSession.id > after[0])
        return (await self._session.scalars(statement)).all()

    async def find_living(
        self, account_id: UUID, *, only: UUID | None = None, but: UUID | None = None
    ) -> Sequence[WebSession]:
        """Read and lock the living sessions of a user: one, all, or all but one."""
        statement = select(WebSession).where(
            WebSession.account_id == account_id, WebSession.ended_at.is_(None)
        )
        if only is not None:
            statement = statement.where(WebSession.id == only)
        if but is not None:
            statement = statement.where(WebSession.id != but)
        locked = statement.order_by(WebSession.id).with_for_update()
        return (await self._session.scalars(locked)).all()

    async def take_lease(self, session_id: UUID, generation: int, lasts: timedelta) -> Lease | None:
        """Take the right to ask the issuer, if nobody has it and nobody had it since."""
        taken = (
            update(WebSession)
            .where(
                WebSession.id == session_id,
                WebSession.ended_at.is_(None),
                WebSession.refresh_generation == generation,
                or_(
                    WebSession.lease_until.is_(None),
                    WebSession.lease_until <= func.clock_timestamp(),
                ),
            )
            .values(
                refresh_generation=WebSession.refresh_generation + 1,
                lease_until=func.clock_timestamp() + lasts,
            )
            .returning(WebSession.refresh_generation, WebSession.refresh_sealed)
        )
        ends_at = time.monotonic() + lasts.total_seconds()
        row = (await self._session.execute(taken)).one_or_none()
        return None if row is None else Lease(row.refresh_generation, row.refresh_sealed, ends_at)

    async def store(self, session_id: UUID, generation: int, changes: Changes) -> bool:
        """Write what came of asking; False for whose lease is not the last one, or an ended one.

        Who was not told that it is written may ask again: it is written once.
        """
        values = {name: value for name, value in asdict(changes).items() if value is not None}
        if changes.id_hash is not None:
            values["previous_id_hash"] = WebSession.id_hash
        written = (
            update(WebSession)
            .where(
                WebSession.id == session_id,
                WebSession.ended_at.is_(None),
                WebSession.refresh_generation == generation,
            )
            .values(
                # One more: who has read the row before this must not ask on what it said then.
                refresh_generation=generation + 1,
                lease_until=None,
                refresh_failed_at=None,
                **values,
            )
            .returning(WebSession.id)
        )
        if (await self._session.scalars(written)).first() is not None:
            return True
        same = select(WebSession.id).where(
            WebSession.id == session_id,
            WebSession.ended_at.is_(None),
            WebSession.refresh_generation == generation + 1,
            WebSession.verified_at == changes.verified_at,
        )
        return (await self._session.scalars(same)).first() is not None

    async def note_silence(
        self, session_id: UUID, generation: int, pause: timedelta, kept: bytes | None = None
    ) -> None:
        """Note that the issuer gave no answer, and let nobody ask again for a while."""
        values = {} if kept is None else {"refresh_sealed": kept}
        await self._session.execute(
            update(WebSession)
            .where(
                WebSession.id == session_id,
                WebSession.ended_at.is_(None),
                WebSession.refresh_generation == generation,
            )
            .values(
                lease_until=func.clock_timestamp() + pause,
                refresh_failed_at=func.coalesce(
                    WebSession.refresh_failed_at, func.clock_timestamp()
                ),
                **values,
            )
        )

    async def end(self, session_ids: Sequence[UUID], now: datetime) -> None:
        """End sessions; what is sealed in them goes."""
        await self._session.execute(
            update(WebSession)
            .where(WebSession.id.in_(session_ids), WebSession.ended_at.is_(None))
            .values(ended_at=now, **ENDED)
        )


class AttemptRepository:
    """Every statement about sign-ins under way; they are nobody's yet."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, attempt: SignInAttempt) -> None:
        """Remember somebody who was sent to the issuer."""
        self._session.add(attempt)
        await self._session.flush()

    async def take(
        self, state_hash: bytes, browser_hash: bytes, now: datetime
    ) -> SignInAttempt | None:
        """Take one that is still good out, once: only the browser that began it can."""
        taken = (
            delete(SignInAttempt)
            .where(
                SignInAttempt.state_hash == state_hash,
                SignInAttempt.browser_hash == browser_hash,
                SignInAttempt.expires_at > now,
            )
            .returning(SignInAttempt)
        )
        return (await self._session.scalars(taken)).one_or_none()


class LinkRepository:
    """Every statement about links that sign in."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, link: SignInLink) -> None:
        """Remember a link that was given out."""
        self._session.add(link)
        await self._session.flush()

    async def take(self, code_hash: bytes, now: datetime) -> SignInLink | None:
        """Take one that is still good out: of two who come with it, one is first."""
        taken = (
            delete(SignInLink)
            .where(SignInLink.code_hash == code_hash, SignInLink.expires_at > now)
            .returning(SignInLink)
        )
        return (await self._session.scalars(taken)).one_or_none()


async def purge_sessions(transactions: Transactions) -> int:
    """Remove what has ended a while ago, as the worker role; give its number."""
    async with transactions.begin(None) as session:
        old = func.now() - KEPT_FOR
        ended = delete(WebSession).where(
            or_(
                WebSession.ended_at < old,
                WebSession.idle_expires_at < old,
                WebSession.absolute_expires_at < old,
            )
        )
        removed = (await session.scalars(ended.returning(WebSession.id))).all()
        unfinished = delete(SignInAttempt).where(SignInAttempt.expires_at < func.now())
        await session.execute(unfinished)
        await session.execute(delete(SignInLink).where(SignInLink.expires_at < func.now()))
        return len(removed)
