"""Progress of ingestion as a stream of states, read from the rows until all is done.

Nothing is remembered but what was sent: who comes later sees the same figures.

Every read is a short transaction of the caller's own scope: who is disabled, loses access or the
document, sees the stream end. No transaction is open between two reads. A database that is away for
a while only makes the stream silent.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.identity.repository import is_active
from muniment.kit.clock import Clock
from muniment.kit.operational import find_operational_rule
from muniment.library.errors import (
    CollectionNotFoundError,
    DocumentNotFoundError,
    TooManyStreamsError,
)
from muniment.library.models import Document
from muniment.library.repository.collections import CollectionRepository
from muniment.library.repository.documents import DocumentRepository
from muniment.library.repository.progress import UNFINISHED, ProgressRepository
from muniment.library.schemas.documents import CollectionProgressRead, ProgressRead
from muniment.library.service.presentation import present_collection_progress, present_progress
from muniment.library.settings import EventSettings
from muniment.postgres.unit_of_work import Scope, Transactions

State: TypeAlias = ProgressRead | CollectionProgressRead

Changes: TypeAlias = AsyncIterator[list[State]]
"""What changed since the read before; empty when nothing did."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one look at the rows gave."""

    documents: list[Document]
    collection: CollectionProgressRead | None = None
    """Only where a whole collection is followed."""

    def states(self) -> list[State]:
        """Show it as it is sent."""
        shown: list[State] = [present_progress(document) for document in self.documents]
        return shown if self.collection is None else [*shown, self.collection]


_Read: TypeAlias = Callable[[frozenset[UUID]], Awaitable[_Reading]]


class ProgressService:
    """Follows documents while they are read; one for the whole process."""

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        settings: EventSettings,
        *,
        interval: timedelta = timedelta(seconds=1),
        patience: timedelta = timedelta(seconds=60),
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._settings = settings
        self._interval = interval
        self._patience = patience
        self._open: Counter[UUID] = Counter()
        """Streams of each account in this process; who has none is not in it."""

    @property
    def interval(self) -> timedelta:
        """How long the pause between two reads is."""
        return self._interval

    @contextmanager
    def place(self, principal: Principal) -> Iterator[None]:
        """Hold one of the caller's places while a stream is open. Raises TooManyStreamsError."""
        account, most = principal.user_id, self._settings.max_streams
        if self._open[account] >= most:
            raise TooManyStreamsError(most)
        self._open[account] += 1
        try:
            yield
        finally:
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]

    async def follow_document(self, principal: Principal, document_id: UUID) -> Changes:
        """Follow one document to its end. Raises DocumentNotFoundError before anything is sent."""
        read = partial(self._read_document, principal, document_id)
        first = await read(frozenset())
        if not first.documents:
            raise DocumentNotFoundError
        return self._follow(principal, first, read)

    async def follow_collection(self, principal: Principal, collection_id: UUID) -> Changes:
        """Follow all unfinished documents of a collection until there is none.

        Those that failed since the oldest of them came are sent first, so that who begins late
        hears of them as well, and of nothing that is over.
        """
        async with self._begin(principal) as session:
            if await CollectionRepository(session).find_visible(principal, collection_id) is None:
                raise CollectionNotFoundError
            failed = await ProgressRepository(session).list_failed(principal, collection_id)
        read = partial(self._read_collection, principal, collection_id)
        first = await read(frozenset())
        known = {document.id for document in first.documents}
        failed = [document for document in failed if document.id not in known]
        return self._follow(principal, replace(first, documents=failed + first.documents), read)

    async def _follow(self, principal: Principal, reading: _Reading, read: _Read) -> Changes:
        seen: dict[UUID, State] = {}
        trouble = _Trouble(self._patience)
        while True:
            states = reading.states()
            yield [state for state in states if seen.get(state.id) != state]
            seen = {state.id: state for state in states}
            waiting = frozenset(
                document.id for document in reading.documents if document.status in UNFINISHED
            )
            if not waiting:
                return
            found = None
            while found is None:
                await asyncio.sleep(self._interval.total_seconds())
                if self._is_expired(principal) or trouble.is_too_long:
                    return
                found = await trouble.let_pass(read(waiting))
                if found is None:
                    yield []
            reading = found

    def _is_expired(self, principal: Principal) -> bool:
        return principal.expires_at is not None and self._clock.now() >= principal.expires_at

    async def _read_document(
        self, principal: Principal, document_id: UUID, _waiting: frozenset[UUID]
    ) -> _Reading:
        async with self._begin(principal) as session:
            view = await DocumentRepository(session).find(principal, document_id)
            if view is None or not await is_active(session, principal.user_id):
                return _Reading([])
        return _Reading([view.document])

    async def _read_collection(
        self, principal: Principal, collection_id: UUID, waiting: frozenset[UUID]
    ) -> _Reading:
        async with self._begin(principal) as session:
            if not await is_active(session, principal.user_id):
                return _Reading([])
            repository = ProgressRepository(session)
            documents = await repository.list_in_progress(principal, collection_id, waiting)
            pace = await repository.pace_of(principal, collection_id)
        return _Reading(documents, present_collection_progress(collection_id, pace))

    def _begin(self, principal: Principal) -> AbstractAsyncContextManager[AsyncSession]:
        return self._transactions.begin(Scope(principal.tenant_id, principal.names))


class _Trouble:
    """Failures of reads in a row, in a stream whose head was sent and that cannot answer 503."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._since: float | None = None

    @property
    def is_too_long(self) -> bool:
        """Tell whether the stream had better end: its client may ask again, and be told why not."""
        if self._since is None:
            return False
        return time.monotonic() - self._since >= self._patience.total_seconds()

    async def let_pass(self, reading: Awaitable[_Reading]) -> _Reading | None:
        """Give what was read, or None after a failure that passes by itself."""
        try:
            found = await reading
        except Exception as error:  # boundary: passed on unless it passes by itself
            if find_operational_rule(error) is None:
                raise
            if self._since is None:
                self._since = time.monotonic()
            return None
        self._since = None
        return found
