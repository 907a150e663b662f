"""Remembers when keys were used, beside the requests: none is slower or fails for it."""

import asyncio
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from muniment.api_keys.repository import ApiKeyRepository
from muniment.kit.clock import Clock
from muniment.postgres.unit_of_work import Scope, Transactions

EVERY: Final = timedelta(minutes=1)
_AT_ONCE: Final = 2
"""Connections that it takes from requests at most."""
_WAITING: Final = 1000
"""What comes on top is not noted; the next use of the key is."""
_PATIENCE_S: Final = 5
_log = structlog.get_logger(__name__)


class KeyUses:
    """Writes the last use of keys, at most once a minute for each; one for the whole process.

    A named exception of docs/decisions/0002: that a key was used is true whatever becomes of the
    request.
    """

    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._writing: dict[UUID, asyncio.Task[None]] = {}

    def note(self, tenant_id: int, account_id: UUID, key_id: UUID, last: datetime | None) -> None:
        """Note that a key is used now; `last` is what was known of that before."""
        now = self._clock.now()
        is_young = last is not None and now - last < EVERY
        if is_young or key_id in self._writing or len(self._writing) >= _WAITING:
            return
        scope = Scope(tenant_id, frozenset({f"user:{account_id}"}))
        task = asyncio.get_running_loop().create_task(self._write(scope, key_id, now))
        self._writing[key_id] = task
        task.add_done_callback(lambda _: self._writing.pop(key_id, None))

    async def close(self) -> None:
        """Let what is being written end, unless the database is silent."""
        writing = list(self._writing.values())
        if writing:
            _, late = await asyncio.wait(writing, timeout=_PATIENCE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _write(self, scope: Scope, key_id: UUID, now: datetime) -> None:
        try:
            async with self._slots, self._transactions.begin(scope) as session:
                await ApiKeyRepository(session).note_use(key_id, now, EVERY)
        except Exception:  # noqa: BLE001 # boundary: nobody waits for it
            _log.warning("key_use_not_noted", key_id=str(key_id), exc_info=True)
