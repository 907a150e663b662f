"""How far documents are and how fast they go, read from their rows as one caller may see them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Uuid,
    all_,
    and_,
    any_,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.library.models import Document
from muniment.library.policy import access_filter, predicate

UNFINISHED = ("queued", "processing")
WINDOW: Final = timedelta(minutes=1)
"""How far back the pace of a collection looks."""

WATCHED_AT_ONCE: Final = 500
"""Unfinished documents that one reader follows; thousands may wait."""
_FAILED_AT_ONCE = 100
_WAITED_AT_MOST: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CollectionPace:
    """What the rows of a collection say of its ingestion."""

    waiting: int
    processing: int
    failed: int
    ended: int
    """Documents that became ready or failed within the window."""
    window_s: float
    """The last minute, or less where the first of those that ended, or are read, began later."""
    longest_s: float
    """What the slowest of those that are being embedded still needs."""


class ProgressRepository:
    """Documents of a collection that wait, are read, or failed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_in_progress(
        self, principal: Principal, collection_id: UUID, watched: frozenset[UUID]
    ) -> list[Document]:
        """List the documents that are watched, and the first of the others that are not finished.

        So many of these that at most `WATCHED_AT_ONCE` of all are unfinished: who watches them next
        sees each one end, and the next ones take the places of those that ended.
        """
        permitted = select(Document).where(
            Document.collection_id == collection_id, predicate(access_filter(principal))
        )
        # One value however many there are; a list of values would end at 32,767.
        ids = literal(sorted(watched), ARRAY(Uuid()))
        found = list(await self._session.scalars(permitted.where(Document.id == any_(ids))))
        room = WATCHED_AT_ONCE - sum(document.status in UNFINISHED for document in found)
        if room > 0:
            found += await self._session.scalars(
                permitted.where(_is_unfinished(), Document.id != all_(ids))
                .order_by(Document.id)
                .limit(room)
            )
        return sorted(found, key=lambda document: document.id)

    async def list_failed(self, principal: Principal, collection_id: UUID) -> list[Document]:
        """List the documents that failed since the oldest of those that are not finished came.

        None where all are finished: failures of long ago are no news of what goes on.
        """
        permitted = predicate(access_filter(principal))
        since = (
            select(func.min(_came_at()))
            .where(Document.collection_id == collection_id, permitted, _is_unfinished())
            .scalar_subquery()
        )
        found = await self._session.scalars(
            select(Document)
            .where(Document.collection_id == collection_id, permitted)
            .where(_has_failed(), Document.ended_at >= since)
            .order_by(Document.ended_at.desc())
            .limit(_FAILED_AT_ONCE)
        )
        return list(found.all())

    async def pace_of(self, principal: Principal, collection_id: UUID) -> CollectionPace:
        """Count what waits and what ended lately, among what the caller may read."""
        permitted = predicate(access_filter(principal))
        unfinished, ended = _is_unfinished(), Document.ended_at > func.now() - WINDOW
        begun = func.min(Document.begun_at).filter(or_(ended, Document.status == "processing"))
        window = func.now() - func.greatest(begun, func.now() - WINDOW)
        left = (Document.chunks_total - Document.chunks_done) / Document.chunks_per_s
        found = await self._session.execute(
            select(
                func.count().filter(and_(unfinished, Document.status == "queued")),
                func.count().filter(and_(unfinished, Document.status == "processing")),
                func.count().filter(ended),
                func.coalesce(func.extract("epoch", window), 0.0),
                func.max(left).filter(Document.status == "processing"),
            )
            .where(Document.collection_id == collection_id, permitted)
            .where(or_(unfinished, ended))
        )
        waiting, processing, ended_lately, window_s, longest_s = found.one()
        failed = await self._session.scalar(
            select(func.count())
            .select_from(Document)
            .where(Document.collection_id == collection_id, permitted, _has_failed())
        )
        return CollectionPace(
            waiting, processing, failed or 0, ended_lately, float(window_s), float(longest_s or 0)
        )


def _is_unfinished() -> ColumnElement[bool]:
    # Written out, not bound: a partial index serves only who is seen to ask for no more than it.
    return Document.status.in_([literal_column(f"'{status}'") for status in UNFINISHED])


def _came_at() -> ColumnElement[datetime]:
    # A row that waits is as it was when its bytes came. One that is being read changes all the
    # time: it may have waited before it was begun, though hardly longer than this.
    begun = func.coalesce(Document.begun_at, Document.updated_at)
    return case(
        (Document.status == "queued", Document.updated_at),
        else_=func.greatest(Document.created_at, begun - _WAITED_AT_MOST),
    )


def _has_failed() -> ColumnElement[bool]:
    return and_(Document.error_code.is_not(None), Document.status == "failed")
