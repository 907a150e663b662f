"""The way of bytes into the store of originals, on which a kill loses track of none.

The key is committed before the first byte is stored; the transaction that registers the document
strikes it out (`registration.py`). What a killed process leaves is a row that a worker finds when
it is old enough (`ingestion/abandoned.py`), so nobody ever has to search the store for strays.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import structlog

from muniment.library.errors import UploadOverdueError
from muniment.library.repository.pending import PendingOriginals
from muniment.ports.originals import OriginalMissingError, Originals, StoredOriginal
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)


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
        key = self._originals.new_key()
        async with self._transactions.begin(scope) as session:
            await PendingOriginals(session).add(scope.tenant_id, [key])
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
            async with self._transactions.begin(scope) as session:
                await PendingOriginals(session).remove(keys)
        except Exception:  # noqa: BLE001 # boundary: what broke the upload is what counts
            _log.warning("originals_left_to_the_sweep", keys=keys, exc_info=True)
