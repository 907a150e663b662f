"""Tells in the row of a document how far its ingestion is, now and then.

Readers see rows alone, so that all of them see the same, whenever they come. A row that changes
costs a commit, so there is at most one in an interval: a document that is read within it is never
written about but at its beginning and its end.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from muniment.ingestion.repository import IngestionRepository, StageOfWork
from muniment.ports.jobs import ClaimedJob
from muniment.postgres.unit_of_work import Scope, Transactions

INTERVAL: Final = timedelta(milliseconds=500)
"""A stage that begins sooner after the last report is told with the next one."""

_PARSED, _CUT, _EMBEDDED = 0.15, 0.2, 0.95
"""How far a document is, of 1, when each stage ends; embedding takes most of the time."""

BEGINNING: Final = StageOfWork("parsing", 0.05)
"""What a document's row says as soon as a worker has taken it up."""

_LONG_TEXT: Final = 200_000
"""Code points that take so long to cut that it is told in any case."""

_MANY_CHUNKS: Final = 256
"""Chunks that take so long to be written that it is told in any case."""


class Report:
    """How far one job is. Each report is a short transaction of its own, bound to the fence."""

    def __init__(
        self,
        transactions: Transactions,
        job: ClaimedJob,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transactions = transactions
        self._job = job
        self._now = now
        self._told_at = now()
        self._embedding_since: float | None = None

    async def cutting(self, length: int) -> None:
        """Say that a text of some length is cut."""
        await self._tell(StageOfWork("cutting", _PARSED), at_once=length > _LONG_TEXT)

    async def embedding(self, done: int, total: int) -> None:
        """Say how many chunks are embedded, and how many in a second."""
        now = self._now()
        if self._embedding_since is None:
            self._embedding_since = now
        took = now - self._embedding_since
        rate = done / took if took > 0 and done else None
        progress = _CUT + done / max(total, 1) * (_EMBEDDED - _CUT)
        await self._tell(StageOfWork("embedding", progress, done, total, rate))

    async def indexing(self, total: int) -> None:
        """Say that all chunks are embedded, and that searches are about to find them."""
        stage = StageOfWork("indexing", _EMBEDDED, total, total)
        await self._tell(stage, at_once=total > _MANY_CHUNKS)

    async def _tell(self, stage: StageOfWork, *, at_once: bool = False) -> None:
        now = self._now()
        if not at_once and now - self._told_at < INTERVAL.total_seconds():
            return
        self._told_at = now
        async with self._transactions.begin(Scope(self._job.tenant_id)) as session:
            await IngestionRepository(session).show_stage(self._job, stage)
