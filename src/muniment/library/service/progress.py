"""Progress of ingestion as a stream of states, read from the rows until all is done.

Every read is a short transaction of the caller's own scope: who is disabled, loses access or the
document, sees the stream end. No transaction is open between two reads. A database that is away for
a while only makes the stream silent.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
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
from muniment.library.repository.documents import UNFINISHED, DocumentRepository
from muniment.library.schemas.documents import ProgressRead
from muniment.library.service.presentation import present_progress
from muniment.library.settings import EventSettings
from muniment.postgres.unit_of_work import Scope, Transactions

Changes: TypeAlias = AsyncIterator[list[ProgressRead]]
"""What changed since the read before; empty when nothing did."""

_Read: TypeAlias = Callable[[frozenset[UUID]], Awaitable[list[Document]]]


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
        if not first:
            raise DocumentNotFoundError
        return self._follow(principal, first, read)

    async def follow_collection(self, principal: Principal, collection_id: UUID) -> Changes:
        """Follow all unfinished documents of a collection until there is none."""
        async with self._begin(principal) as session:
            if await CollectionRepository(session).find_visible(principal, collection_id) is None:
                raise CollectionNotFoundError
        read = partial(self._read_collection, principal, collection_id)
        return self._follow(principal, await read(frozenset()), read)

    async def _follow(
        self, principal: Principal, documents: list[Document], read: _Read
    ) -> Changes:
        seen: dict[UUID, ProgressRead] = {}
        trouble = _Trouble(self._patience)
        while True:
            states = [present_progress(document) for document in documents]
            yield [state for state in states if seen.get(state.id) != state]
            seen = {state.id: state for state in states}
            waiting = frozenset(state.id for state in states if state.status in UNFINISHED)
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
            documents = found

    def _is_expired(self, principal: Principal) -> bool:
        return principal.expires_at is not None and self._clock.now() >= principal.expires_at

    async def _read_document(
        self, principal: Principal, document_id: UUID, _waiting: frozenset[UUID]
    ) -> list[Document]:
        async with self._begin(principal) as session:
            view = await DocumentRepository(session).find(principal, document_id)
            if view is None or not await is_active(session, principal.user_id):
                return []
        return [view.document]

    async def _read_collection(
        self, principal: Principal, collection_id: UUID, waiting: frozenset[UUID]
    ) -> list[Document]:
        async with self._begin(principal) as session:
            if not await is_active(session, principal.user_id):
                return []
            repository = DocumentRepository(session)
            return await repository.list_in_progress(principal, collection_id, waiting)

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

    async def let_pass(self, reading: Awaitable[list[Document]]) -> list[Document] | None:
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
