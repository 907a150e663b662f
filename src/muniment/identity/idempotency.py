"""Keys that make it safe to send a creating request again (`Idempotency-Key`).

After the IETF draft httpapi-idempotency-key-header-07: a key belongs to one caller and one route,
and stands for one body. The first request takes a lease on it; its answer is kept and given again
for a day. A lease that ran out is one of a request that died: whoever comes next takes it over.

The answer to work is kept in the transaction of the work (`finish_within`): both are there or
neither, whoever is killed and whatever becomes of the answer to a COMMIT. Where that outcome is not
known, the row knows it: giving the lease back waits for the transaction that has written to it.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.errors import (
    AnswerGoneError,
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
)
from muniment.identity.models import IdempotencyKey
from muniment.identity.principal import Principal
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=20)
"""Of a request whose process was killed, the client may try again within half a minute. One that
lives and takes longer is refused at its commit if somebody took its key over."""
MAX_KEY_LENGTH: Final = 255
KEY_PATTERN: Final = rf"^[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}$"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it is kept to be given again."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Replay:
    """The request was answered before: this is the answer."""

    answer: KeptAnswer


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to run a request: nobody else runs it until the lease ends."""

    scope: Scope
    account_id: UUID
    route: str
    key: str
    locked_until: datetime
    """Also the fence: who took the lease over later has another one."""


def fingerprint_of(*parts: bytes) -> bytes:
    """Make the SHA-256 by which a repeated request is told from another one with its key."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class IdempotencyStore:
    """Keeps keys and answers; the lease, and what is no answer to work, in short transactions.

    One of the named exceptions of docs/decisions/0002: the lease must be seen by others while the
    request still runs, and must not vanish with it.
    """

    def __init__(self, transactions: Transactions, *, lease: timedelta = LEASE) -> None:
        self._transactions = transactions
        self._lease = lease

    async def begin(
        self, principal: Principal, route: str, key: str, fingerprint: bytes
    ) -> Replay | Ticket:
        """Take the lease on a key, or give the answer that is kept under it.

        Raises IdempotencyInProgressError, IdempotencyKeyReusedError and AnswerGoneError.
        """
        scope = Scope(principal.tenant_id, principal.names)
        async with self._transactions.begin(scope) as session:
            place = _Place(session, principal, route, key)
            locked_until = await place.take(fingerprint, self._lease)
            if locked_until is not None:
                return Ticket(scope, principal.user_id, route, key, locked_until)
            row = await place.read()
        if row.fingerprint != fingerprint:
            raise IdempotencyKeyReusedError
        if row.status is None:
            raise IdempotencyInProgressError
        if row.status == AnswerGoneError.status:
            raise AnswerGoneError
        return Replay(KeptAnswer(row.status, row.headers or {}, row.body or b""))

    async def finish_within(
        self, session: AsyncSession, ticket: Ticket, answer: KeptAnswer
    ) -> None:
        """Keep the answer in the transaction of the work that it speaks of.

        Raises IdempotencyInProgressError when the lease was taken over: then the work is another
        request's, and that of this transaction must not be committed.
        """
        if not await _keep(session, ticket, answer):
            raise IdempotencyInProgressError

    async def finish(self, ticket: Ticket, answer: KeptAnswer) -> None:
        """Keep an answer that no work stands behind, such as a refusal.

        One that comes after the lease was taken over is dropped.
        """
        async with self._transactions.begin(ticket.scope) as session:
            await _keep(session, ticket, answer)

    async def abandon(self, ticket: Ticket) -> None:
        """Give the lease back, so that the same request may be tried again at once.

        An answer that was kept after all stays: where the commit of the work may still be under
        way, its lock on the row is waited for. Called after a failure, so that its own is only
        logged: the key stays taken then until the lease ends.
        """
        try:
            async with self._transactions.begin(ticket.scope) as session:
                await session.execute(delete(IdempotencyKey).where(_held_by(ticket)))
        except Exception:  # noqa: BLE001 # boundary: what broke the request is what counts
            _log.warning("idempotency_key_stays_taken", route=ticket.route, exc_info=True)


async def _keep(session: AsyncSession, ticket: Ticket, answer: KeptAnswer) -> bool:
    values = {"status": answer.status, "headers": answer.headers, "body": answer.body}
    statement = update(IdempotencyKey).where(_held_by(ticket)).values(values)
    kept = await session.execute(statement.returning(IdempotencyKey.key))
    return kept.one_or_none() is not None


async def forget_answers_about(session: AsyncSession, tenant_id: int, gone: UUID) -> None:
    """Let kept answers that name something say that it is gone, in the transaction that deletes it.

    They are copies of what nobody may see any more. The keys stay taken: a client that repeats its
    request after a deletion must not make anew what somebody has deleted.
    """
    # The body names what the answer is about and what that is in, whichever route gave it.
    names_it = text("position(convert_to(:gone, 'UTF8') in body) > 0").bindparams(gone=str(gone))
    await session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.status.is_not(None), names_it)
        .values(status=AnswerGoneError.status, headers=None, body=None)
    )


async def purge_expired(transactions: Transactions) -> int:
    """Remove keys older than a day, as the worker role; give their number."""
    async with transactions.begin(None) as session:
        expired = IdempotencyKey.created_at < func.now() - KEPT_FOR
        removed = delete(IdempotencyKey).where(expired).returning(IdempotencyKey.key)
        return len((await session.scalars(removed)).all())


@dataclass(frozen=True, slots=True)
class _Place:
    """One key of one caller on one route."""

    session: AsyncSession
    principal: Principal
    route: str
    key: str

    async def take(self, fingerprint: bytes, lease: timedelta) -> datetime | None:
        """Insert the key, or take over one that is free; None if somebody has it."""
        claim = insert(IdempotencyKey).values(
            account_id=self.principal.user_id,
            tenant_id=self.principal.tenant_id,
            route=self.route,
            key=self.key,
            fingerprint=fingerprint,
            locked_until=func.clock_timestamp() + lease,
        )
        died = and_(
            IdempotencyKey.status.is_(None),
            IdempotencyKey.locked_until < func.clock_timestamp(),
            IdempotencyKey.fingerprint == fingerprint,
        )
        expired = IdempotencyKey.created_at < func.now() - KEPT_FOR
        taken = claim.on_conflict_do_update(
            index_elements=["account_id", "route", "key"],
            set_={
                "fingerprint": fingerprint,
                "locked_until": claim.excluded.locked_until,
                "created_at": func.now(),
                "status": None,
                "headers": None,
                "body": None,
            },
            where=or_(died, expired),
        ).returning(IdempotencyKey.locked_until)
        locked_until: datetime | None = await self.session.scalar(taken)
        return locked_until

    async def read(self) -> IdempotencyKey:
        """Read the row after `take`, which locks it even where it takes nothing: so it is there."""
        rows = await self.session.scalars(
            select(IdempotencyKey).where(
                IdempotencyKey.account_id == self.principal.user_id,
                IdempotencyKey.route == self.route,
                IdempotencyKey.key == self.key,
            )
        )
        return rows.one()


def _held_by(ticket: Ticket) -> ColumnElement[bool]:
    return and_(
        IdempotencyKey.account_id == ticket.account_id,
        IdempotencyKey.route == ticket.route,
        IdempotencyKey.key == ticket.key,
        IdempotencyKey.status.is_(None),
        IdempotencyKey.locked_until == ticket.locked_until,
    )
