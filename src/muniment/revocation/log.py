"""What was taken back, as every process knows it: within a second, without asking at each request.

The table is polled each second; NOTIFY is a doorbell that makes it sooner and may be missed. Each
poll reads the last ten seconds once more, because rows become visible in the order of commits, not
of their times. A process that has not managed to poll for three seconds asks the database at each
request, and where that does not answer nobody is let in.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter

from muniment.identity.grounds import Grounds
from muniment.kit.errors import UnavailableError
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Transactions
from muniment.revocation.entries import Entry, Key, admitted, issued
from muniment.revocation.models import RevocationKind
from muniment.revocation.repository import RevocationRepository

INTERVAL: Final = timedelta(seconds=1)
OVERLAP: Final = timedelta(seconds=10)
"""How far back each poll reads: longer than any transaction that revokes takes to commit."""
STALE_AFTER: Final = timedelta(seconds=3)
_POLL: Final = """
select clock_timestamp() as at, coalesce((
    select jsonb_agg(jsonb_build_object(
        'kind', kind, 'issuer', issuer, 'name', name, 'cutoff', cutoff))
    from revocation where created_at >= $1), '[]') as entries
"""
_BEGINNING: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_log = structlog.get_logger(__name__)


class _Row(BaseModel):
    """A row as the poll gives it."""

    model_config = ConfigDict(frozen=True)

    kind: RevocationKind
    issuer: str
    name: str
    cutoff: datetime

    def as_entry(self) -> Entry:
        """Give it as the rule reads it."""
        return Entry(self.kind, self.issuer, self.name, self.cutoff)


class _Polled(BaseModel):
    """What one poll gave."""

    at: datetime
    """The moment on the database's clock."""
    entries: list[_Row]


_POLLED: Final = TypeAdapter(_Polled)


@dataclass(frozen=True, slots=True, eq=False)
class _Follower:
    """A stream that is open, and what ends it."""

    grounds: Grounds
    end: Callable[[], None]


class RevocationLog:
    """Tells what was taken back; one for the whole process."""

    def __init__(
        self,
        reads: PreparedReads,
        transactions: Transactions,
        kept_for: timedelta,
        doorbell: asyncio.Event | None = None,
    ) -> None:
        self._reads = reads
        self._transactions = transactions
        self._kept_for = kept_for
        self._doorbell = doorbell or asyncio.Event()
        self._cutoffs: dict[Key, datetime] = {}
        self._followers: set[_Follower] = set()
        self._polled_until = _BEGINNING
        self._polled_at: float | None = None

    async def is_revoked(self, grounds: Grounds) -> bool:
        """Tell whether the issuer took a caller's right back. Raises UnavailableError if unknown.

        What we take back ourselves is not in question: who asks has just read those rows.
        """
        if not self._is_stale():
            return self._covers(issued(grounds))
        async with self._transactions.begin(None) as session:
            return await RevocationRepository(session).covers(grounds)

    @contextmanager
    def following(self, grounds: Grounds, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` when the right of an open stream is taken back while the block runs."""
        follower = _Follower(grounds, end)
        self._followers.add(follower)
        try:
            if self._is_over(grounds):
                end()
            yield
        finally:
            self._followers.discard(follower)

    async def keep_watch(self) -> None:
        """Poll again and again; ends when cancelled."""
        while True:
            self._doorbell.clear()
            try:
                await self.poll()
            except UnavailableError:
                _log.warning("revocations_not_polled")
            try:
                async with asyncio.timeout(INTERVAL.total_seconds()):
                    await self._doorbell.wait()
            except TimeoutError:
                continue

    async def poll(self) -> None:
        """Read what is new, and end the streams that it is about. Raises UnavailableError."""
        asked_at = time.monotonic()
        row = await self._reads.row(_POLL, self._polled_until - OVERLAP)
        polled = _POLLED.validate_python(row)
        is_new = False
        for entry in (one.as_entry() for one in polled.entries):
            known = self._cutoffs.get(entry.key)
            if known is None or known < entry.cutoff:
                self._cutoffs[entry.key] = entry.cutoff
                is_new = True
        self._polled_until, self._polled_at = polled.at, asked_at
        if is_new:
            self._end_streams()
            self._forget(polled.at)

    def _end_streams(self) -> None:
        for follower in tuple(self._followers):
            if self._is_over(follower.grounds):
                follower.end()

    def _forget(self, now: datetime) -> None:
        """Drop what speaks of nothing alive; where nothing is new, nothing has to go."""
        oldest = now - self._kept_for
        gone = [key for key, cutoff in self._cutoffs.items() if cutoff < oldest]
        for key in gone:
            del self._cutoffs[key]

    def _is_over(self, grounds: Grounds) -> bool:
        return self._covers(chain(issued(grounds), admitted(grounds)))

    def _covers(self, names: Iterable[tuple[Key, datetime]]) -> bool:
        cutoffs = self._cutoffs
        return bool(cutoffs) and any(
            (cutoff := cutoffs.get(key)) is not None and moment <= cutoff for key, moment in names
        )

    def _is_stale(self) -> bool:
        at = self._polled_at
        return at is None or time.monotonic() - at > STALE_AFTER.total_seconds()
