"""What is refused, and who signs in: counted in memory, written every few seconds.

A request that is refused is rolled back, and whoever is refused often must not fill the database.
So the same refusal of the same caller in the same minute is one entry with a count. Nothing waits
for it: what a process has counted when it is killed, at most `INTERVAL` of it, is lost.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

import structlog

from muniment.audit.acts import Action, Actor, Details, Outcome
from muniment.audit.repository import AuditRepository, Note
from muniment.kit.clock import Clock
from muniment.kit.origin import origin
from muniment.postgres.unit_of_work import Transactions

INTERVAL: Final = timedelta(seconds=2)
MOST_NETWORKS: Final = 256
"""From so many networks strangers are told apart in a minute; the others are one together."""
MOST_NOTES: Final = 10_000
"""So much is kept while the database does not answer; what comes after is told apart no more."""
_LAST_WORDS_S: Final = 3.0
_SEPARATOR: Final = "\x1f"
_log = structlog.get_logger(__name__)


class AuditCounter:
    """Counts refusals and sign-ins; one for the whole process."""

    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock
        self._notes: dict[str, Note] = {}
        self._minute = ""
        self._networks: set[str] = set()

    def refuse(self, action: Action, outcome: Outcome, actor: Actor, details: Details) -> None:
        """Count what a caller was refused; the first of a minute gives the entry its details."""
        minute = f"{self._clock.now():%Y-%m-%dT%H:%M}"
        known = self._tell_apart(actor, minute)
        self._count((minute, action.value, details.reason or ""), action, outcome, known, details)

    def sign_in(self, actor: Actor, proof: str) -> None:
        """Count that a token was new to this process.

        `proof` is what it says of the sign-in that it is from: all tokens of one are one entry.
        """
        self._count((proof, Action.SIGN_IN.value), Action.SIGN_IN, "done", actor, Details())

    async def flush(self) -> None:
        """Write what was counted; what cannot be written is kept for the next time."""
        notes, self._notes = self._notes, {}
        if not notes:
            return
        is_written = False
        try:
            async with self._transactions.begin(None) as session:
                await AuditRepository(session).fold(list(notes.values()))
            is_written = True
        finally:
            if not is_written:
                self._keep(notes)

    async def keep_flushing(self) -> None:
        """Write again and again; ends when cancelled."""
        while True:
            await asyncio.sleep(INTERVAL.total_seconds())
            try:
                await self.flush()
            except Exception:  # noqa: BLE001 # boundary: the next time may do better
                _log.warning("audit_counts_not_written", waiting=len(self._notes), exc_info=True)

    async def close(self) -> None:
        """Write what is left, unless the database takes too long for it."""
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await self.flush()
        except Exception:  # noqa: BLE001 # boundary: the process ends all the same
            _log.warning("audit_counts_lost", lost=len(self._notes), exc_info=True)

    def _tell_apart(self, actor: Actor, minute: str) -> Actor:
        """Give strangers from too many networks one name, so that nobody can fill the table."""
        if actor.account_id is not None:
            return actor
        if minute != self._minute:
            self._minute = minute
            self._networks.clear()
        if actor.name not in self._networks:
            if len(self._networks) >= MOST_NETWORKS:
                return Actor.anonymous(None)
            self._networks.add(actor.name)
        return actor

    def _count(
        self,
        same: tuple[str, ...],
        action: Action,
        outcome: Outcome,
        actor: Actor,
        details: Details,
    ) -> None:
        fold = _fold_of(actor, *same)
        known = self._notes.get(fold)
        if known is None and len(self._notes) >= MOST_NOTES:
            actor = Actor.anonymous(None)
            fold = _fold_of(actor, *same)
            known = self._notes.get(fold)
        count = 1 if known is None else known.count + 1
        note = known or Note(fold, action, outcome, actor, details, origin())
        self._notes[fold] = replace(note, count=count)

    def _keep(self, notes: Mapping[str, Note]) -> None:
        for fold, note in notes.items():
            newer = self._notes.get(fold)
            more = 0 if newer is None else newer.count
            self._notes[fold] = replace(note, count=note.count + more)


def _fold_of(actor: Actor, *same: str) -> str:
    """Make what is equal for what one entry stands for, and for nothing else."""
    whose = (str(actor.tenant_id or ""), str(actor.account_id or actor.name))
    return sha256(_SEPARATOR.join((*whose, *same)).encode()).hexdigest()[:32]
