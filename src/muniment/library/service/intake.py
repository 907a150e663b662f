"""The way of bytes into the store of originals, on which a kill loses track of none.

The key is committed before the first byte is stored; the transaction that registers the document
strikes it out (`registration.py`). What a killed process leaves is a row that a worker finds when
it is old enough (`ingestion/abandoned.py`), so nobody ever has to search the store for strays.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from muniment.library.errors import UploadOverdueError
from muniment.library.repository.pending import PendingOriginals
from muniment.ports.originals import OriginalMissingError, Originals, StoredOriginal
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)

_MOST_KEYS = 16
"""Written down at once for the next streams of a request."""


class Intake:
    """Stores bytes for documents to come; one for the whole process."""

    def __init__(self, transactions: Transactions, originals: Originals) -> None:
        self._transactions = transactions
        self._originals = originals

    async def store(
        self, scope: Scope, chunks: AsyncIterator[bytes], *, max_bytes: int
    ) -> StoredOriginal:
        """Store a stream, to be registered or discarded; who does neither leaves it to the sweep.

        Raises OriginalTooLargeError and UploadOverdueError.
        """
        [key] = await self.write_down(scope, 1)
        return await self.store_under(scope, key, chunks, max_bytes=max_bytes)

    @asynccontextmanager
    async def deposit(self, scope: Scope) -> AsyncIterator["Deposit"]:
        """Store several streams one after another, with fewer commits than streams."""
        opened = Deposit(self, scope)
        try:
            yield opened
        finally:
            await self._strike_out(scope, opened.unused)

    async def write_down(self, scope: Scope, count: int) -> list[str]:
        """Commit new keys before anything is stored under them."""
        keys = [self._originals.new_key() for _ in range(count)]
        async with self._transactions.begin(scope) as session:
            await PendingOriginals(session).add(scope.tenant_id, keys)
        return keys

    async def store_under(
        self, scope: Scope, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int
    ) -> StoredOriginal:
        """Store a stream under a key that was written down; otherwise as `store`."""
        is_stored = False
        try:
            stored = await self._originals.put(key, chunks, max_bytes=max_bytes)
            is_stored = True
        except OriginalMissingError:
            raise UploadOverdueError from None
        finally:
            if not is_stored:
                await self.discard(scope, [key])
        return stored

    async def discard(self, scope: Scope, keys: Sequence[str]) -> None:
        """Remove what was stored under keys that no document has taken over, and their rows.

        Called while something else has failed already, so that its own failures are only logged:
        the rows stay then, and a worker does the rest.
        """
        if keys:
            await asyncio.shield(self._discard(scope, keys))

    async def _discard(self, scope: Scope, keys: Sequence[str]) -> None:
        try:
            for key in keys:
                await self._originals.delete(key)
            await self._strike_out(scope, keys)
        except Exception:  # noqa: BLE001 # boundary: what broke the upload is what counts
            _log.warning("originals_left_to_the_sweep", keys=keys, exc_info=True)

    async def _strike_out(self, scope: Scope, keys: Sequence[str]) -> None:
        if keys:
            async with self._transactions.begin(scope) as session:
                await PendingOriginals(session).remove(keys)


class Deposit:
    """Stores the streams of one caller; keys are written down in growing numbers."""

    def __init__(self, intake: Intake, scope: Scope) -> None:
        self._intake = intake
        self._scope = scope
        self._next = 1
        self.unused: list[str] = []
        """Keys that are written down and hold nothing."""

    async def store(self, chunks: AsyncIterator[bytes], *, max_bytes: int) -> StoredOriginal:
        """Store a stream as `Intake.store` does."""
        if not self.unused:
            self.unused += await self._intake.write_down(self._scope, self._next)
            self._next = min(4 * self._next, _MOST_KEYS)
        key = self.unused.pop()
        return await self._intake.store_under(self._scope, key, chunks, max_bytes=max_bytes)
