"""Runs jobs: claims one, keeps its lease, and sees to it that it ends exactly once.

What happens at kill -9: the claim has counted the attempt and the lease runs out on the database's
clock, so another worker (or this one, started again) claims the job and begins anew. What the dead
worker had not committed is gone; what it commits late, the fence refuses.
"""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import structlog

from muniment.ingestion.chores import Chore, keep_doing
from muniment.ingestion.outage import Outage
from muniment.ingestion.settings import IngestionSettings
from muniment.kit.ids import new_id
from muniment.kit.operational import OperationalRule, find_operational_rule
from muniment.ports.jobs import ClaimedJob
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Transactions

_log = structlog.get_logger(__name__)
_UNKNOWN_KIND_WAIT = timedelta(seconds=30)
_SPARE = 1
"""Slots beside the others for users who have nothing running here."""
_PASSING = frozenset(
    {
        "connection_lost",
        "database_exhausted",
        "pool_timeout",
        "lock_timeout",
        "serialization_failure",
    }
)
"""Failures that no job is to blame for. A time-out may be: what it does may take too long."""


class JobKind(Protocol):
    """How one kind of job is done. Every method opens its own transactions."""

    async def work(self, job: ClaimedJob) -> None:
        """Do the job; the last commit ends it (`jobs.finish`). May be cancelled at any await."""
        ...

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Tell whoever waits that the job will not be done, and park it, in one commit."""
        ...


class Worker:
    """Works on the queue until told to stop."""

    def __init__(
        self,
        transactions: Transactions,
        kinds: Mapping[str, JobKind],
        settings: IngestionSettings,
        backoff: jobs.Backoff | None = None,
        chores: Sequence[Chore] = (),
    ) -> None:
        self._transactions = transactions
        self._kinds = kinds
        self._settings = settings
        self._backoff = backoff or jobs.Backoff()
        self._chores = chores
        self._name = f"{socket.gethostname()}:{os.getpid()}:{new_id().hex[-8:]}"
        self._outage = Outage()
        self._claiming = asyncio.Lock()
        self._waiting: list[UUID] = []
        """Who waits for the jobs that are running, one for each."""
        self._is_alone = False
        """Whether a last attempt runs, beside which nothing else may."""
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End `run`: nothing new is claimed, and what is being worked on goes back to the queue."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`."""
        _log.info("worker_started", worker=self._name, concurrency=self._settings.concurrency)
        async with asyncio.TaskGroup() as group:
            slots = self._settings.concurrency + _SPARE
            tasks = [group.create_task(self._slot()) for _ in range(slots)]
            tasks += [group.create_task(keep_doing(each, self._outage)) for each in self._chores]
            await self._stopping.wait()
            for task in tasks:
                task.cancel()
        _log.info("worker_stopped", worker=self._name)

    async def run_one(self) -> bool:
        """Claim one job and work on it to its end; False when there was none."""
        job = await self._claim()
        if job is None:
            return False
        try:
            with structlog.contextvars.bound_contextvars(
                job=job.id, kind=job.kind, attempt=job.attempt
            ):
                await self._end_job(job)
        finally:
            self._waiting.remove(job.user_id)
            self._is_alone = False
        return True

    async def _claim(self) -> ClaimedJob | None:
        """Claim a job; one after another, so that the slots know of each other what they do."""
        async with self._claiming:
            if self._is_alone:
                return None
            lease, alone = self._settings.lease, not self._waiting
            # The last slot is for somebody else: two long documents of one user, however long,
            # keep nobody waiting.
            but = self._waiting if len(self._waiting) >= self._settings.concurrency else ()
            async with self._transactions.begin(None) as session:
                job = await jobs.claim(session, self._name, lease, alone=alone, but=but)
            self._outage.note_success()
            if job is not None:
                self._waiting.append(job.user_id)
                self._is_alone = alone and job.last_attempt and not job.exhausted
        return job

    async def _slot(self) -> None:
        while not self._stopping.is_set():
            try:
                found = await self.run_one()
            except Exception as error:  # noqa: BLE001 # boundary: no such failure ends a worker
                self._outage.note_failure(error)
                found = False
            if not found:
                await self._rest()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_interval.total_seconds()):
                await self._stopping.wait()

    async def _end_job(self, job: ClaimedJob) -> None:
        kind = self._kinds.get(job.kind)
        if kind is None:
            # Left for a worker of another version, and not looked at again at once.
            await self._put_back(job, "its kind is unknown here", _UNKNOWN_KIND_WAIT)
        elif job.exhausted:
            await kind.give_up(job, "it ended its worker at every attempt")
        else:
            await self._attempt(kind, job)

    async def _attempt(self, kind: JobKind, job: ClaimedJob) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(self._keep_lease(job))
                await kind.work(job)
                keeper.cancel()
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(job, "its worker was stopped"))
            raise
        except (
            ExceptionGroup
        ) as faults:  # whatever a job does, the attempt ends and the worker lives
            await self._fail(kind, job, faults)

    async def _fail(
        self, kind: JobKind, job: ClaimedJob, faults: ExceptionGroup[Exception]
    ) -> None:
        if faults.subgroup(jobs.FenceLostError) is not None:
            _log.warning("job_taken_over")
            return
        rules = {rule.name: rule for rule in _passing_failures(faults)}
        if rules and rules.keys() <= _PASSING:
            # Not the job's fault: it waits, however long it takes, and no attempt is used up.
            _, passing = rules.popitem()
            _log.warning("job_waits", reason=passing.detail)
            await self._put_back_in_time(job, passing)
            return
        if rules:
            _log.warning("job_failed", rules=sorted(rules))
        else:
            _log.error("job_failed", exc_info=faults)
        reason = ", ".join(sorted({type(fault).__name__ for fault in faults.exceptions}))
        if job.last_attempt:
            await kind.give_up(job, reason)
            return
        async with self._transactions.begin(None) as session:
            await jobs.retry_later(session, job, reason, self._backoff)

    async def _keep_lease(self, job: ClaimedJob) -> None:
        """Prolong the lease while the job runs; its loss ends the work."""
        while True:
            await asyncio.sleep(self._settings.lease.total_seconds() / 3)
            async with self._transactions.begin(None) as session:
                if not await jobs.extend(session, job, self._settings.lease):
                    raise jobs.FenceLostError(f"Job {job.id} was taken over by another worker.")

    async def _put_back_in_time(self, job: ClaimedJob, passing: OperationalRule) -> None:
        """Give a job back as soon as the database can be told, unless its lease runs out before.

        Otherwise each outage would cost the job an attempt, and three of them its end.
        """
        wait = timedelta(seconds=passing.retry_after_s)
        deadline = time.monotonic() + self._settings.lease.total_seconds()
        while True:
            try:
                await self._put_back(job, passing.name, wait)
            except Exception as error:  # boundary: passed on unless it passes by itself
                if find_operational_rule(error) is None or time.monotonic() > deadline:
                    raise
                self._outage.note_failure(error)
                await asyncio.sleep(self._settings.poll_interval.total_seconds())
            else:
                return

    async def _put_back(self, job: ClaimedJob, reason: str, wait: timedelta = timedelta(0)) -> None:
        async with self._transactions.begin(None) as session:
            await jobs.release(session, job, reason, wait)


def _passing_failures(faults: BaseExceptionGroup[BaseException]) -> list[OperationalRule]:
    """Give what went wrong, if it was nothing else than what passes by itself; else nothing."""
    found: list[OperationalRule] = []
    for fault in faults.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            rules = _passing_failures(fault)
        else:
            rule = find_operational_rule(fault)
            rules = [] if rule is None else [rule]
        if not rules:
            return []
        found += rules
    return found
