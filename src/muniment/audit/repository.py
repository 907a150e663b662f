"""The trail in the database: entries are added, read and, when they are old, removed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import ColumnElement, Select, delete, func, insert, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Actor, Details, Outcome, name_of
from muniment.audit.models import AuditEntry
from muniment.kit.origin import Origin
from muniment.kit.pagination import InvalidCursorError, KeyValue, Ordering, PageRequest
from muniment.postgres.unit_of_work import Transactions

NEWEST_FIRST: Final = Ordering("audit.newest", (datetime, str))
"""By moment and number; a cursor holds the number as text, since it may grow beyond 31 bits."""
PIECE: Final = 5_000
"""So many old entries are removed at once."""
_LARGEST_ID: Final = 2**63 - 1
_NUMBER: Final = re.compile("[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class EntryCriteria:
    """Which entries are wanted: of one tenant, or of none."""

    tenant_id: int | None
    action: Action | None = None
    actor: str | None = None
    """Id of an account, name in the trail, or issuer and subject in clear."""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What was counted: an entry, and what makes it the same as one that is there already."""

    fold: str
    """In hexadecimal digits."""
    action: Action
    outcome: Outcome
    actor: Actor
    details: Details
    origin: Origin
    """Of the first that was counted."""
    count: int = 1


_NOTES: Final = TypeAdapter(list[Mapping[str, JsonValue]])
_FOLD: Final = text("select muniment_audit_fold(cast(:notes as jsonb))")
_LOGOUT: Final = text(
    "select muniment_audit_logout(:issuer, :subject, :actor, :request_id, cast(:address as inet))"
)


class AuditRepository:
    """Adds and reads entries within a transaction of somebody else's."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, act: Act, origin: Origin) -> None:
        """Add what was done; it is there if and only if the transaction commits."""
        actor, target = act.actor, act.target
        entry = insert(AuditEntry).values(
            tenant_id=actor.tenant_id,
            actor_id=actor.account_id,
            actor=actor.name,
            action=act.action.value,
            outcome="done",
            object_kind=None if target is None else target.kind,
            object_id=None if target is None else target.id,
            details=_as_json(act.details, origin),
            request_id=origin.request_id,
            address=origin.address,
        )
        # What the act has changed so far is flushed when whoever changed it says so: services count
        # a revision by what is not flushed yet.
        with self._session.no_autoflush:
            await self._session.execute(entry)

    async def fold(self, notes: Sequence[Note]) -> None:
        """Add what was counted, in a transaction without a tenant: of all tenants in one call."""
        rows = _NOTES.dump_json([_as_row(note) for note in notes]).decode()
        await self._session.execute(_FOLD, {"notes": rows})

    async def add_logout(self, issuer: str, subject: str | None, origin: Origin) -> None:
        """Add that an issuer has ended a session, for each account of the user.

        The transaction has no tenant; where no account is found, the entry has none either.
        """
        values = {
            "issuer": issuer,
            "subject": subject,
            "actor": issuer if subject is None else name_of(issuer, subject),
            "request_id": origin.request_id,
            "address": origin.address,
        }
        await self._session.execute(_LOGOUT, values)

    async def list_page(self, wanted: EntryCriteria, paging: PageRequest) -> Sequence[AuditEntry]:
        """Read the entries of a page, and one more that tells whether another page follows.

        The walls show those of the transaction's tenant alone; to name it here serves the index.
        """
        return (await self._session.scalars(statement_of(wanted, paging))).all()


def statement_of(wanted: EntryCriteria, paging: PageRequest) -> Select[AuditEntry]:
    """Write the statement of a page."""
    moment = AuditEntry.created_at
    statement = select(AuditEntry).where(
        AuditEntry.tenant_id.is_(None)
        if wanted.tenant_id is None
        else AuditEntry.tenant_id == wanted.tenant_id
    )
    if wanted.action is not None:
        statement = statement.where(AuditEntry.action == wanted.action.value)
    if wanted.actor is not None:
        statement = statement.where(_is_of(wanted.actor))
    if wanted.since is not None:
        statement = statement.where(moment >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(moment < wanted.until)
    after = paging.after(NEWEST_FIRST)
    if after is not None:
        statement = statement.where(tuple_(moment, AuditEntry.id) < _place(after))
    ordered = statement.order_by(moment.desc(), AuditEntry.id.desc())
    return ordered.limit(paging.fetch_limit)


def _as_json(details: Details, origin: Origin) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = details.model_dump(mode="json", exclude_none=True)
    return facts if origin.key_id is None else {**facts, "key_id": str(origin.key_id)}


def _as_row(note: Note) -> Mapping[str, JsonValue]:
    actor = note.actor
    return {
        "tenant_id": actor.tenant_id,
        "actor_id": None if actor.account_id is None else str(actor.account_id),
        "actor": actor.name,
        "action": note.action.value,
        "outcome": note.outcome,
        "details": _as_json(note.details, note.origin),
        "request_id": note.origin.request_id,
        "address": note.origin.address,
        "count": note.count,
        "fold": note.fold,
    }


def _is_of(actor: str) -> ColumnElement[bool]:
    try:
        return AuditEntry.actor_id == UUID(actor)
    except ValueError:
        issuer, _, subject = actor.partition("|")
        return AuditEntry.actor.in_((actor, name_of(issuer, subject)))


def _place(key: tuple[KeyValue, ...]) -> tuple[KeyValue, int]:
    """Read the key of a cursor. Raises InvalidCursorError for a number that no entry has."""
    moment, number = key
    digits = str(number)
    if not _NUMBER.fullmatch(digits) or int(digits) > _LARGEST_ID:
        raise InvalidCursorError
    return moment, int(digits)


async def purge_audit(transactions: Transactions, kept_for: timedelta) -> int:
    """Remove what has been kept for longer than that, as the worker role; give its number.

    In pieces, each with its own transaction: after a shorter time was set it may be almost all.
    """
    total = 0
    while True:
        async with transactions.begin(None) as session:
            expired = (
                select(AuditEntry.id)
                .where(AuditEntry.created_at < func.now() - kept_for)
                .order_by(AuditEntry.created_at)
                .limit(PIECE)
            )
            removed = delete(AuditEntry).where(AuditEntry.id.in_(expired)).returning(AuditEntry.id)
            number = len((await session.scalars(removed)).all())
        total += number
        if number < PIECE:
            return total
