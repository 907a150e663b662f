"""A kind of job that does as it is told, for tests of the worker."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from muniment.ingestion.settings import IngestionSettings
from muniment.ports.jobs import ClaimedJob
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope, Transactions

QUICK = IngestionSettings(
    concurrency=2, poll_interval=timedelta(milliseconds=20), lease=timedelta(seconds=1.5)
)


class Recorded:
    """A kind of job that notes what happens to it and does as it is told."""

    def __init__(
        self, transactions: Transactions, act: Callable[[ClaimedJob], None] | None = None
    ) -> None:
        self.transactions = transactions
        self.act = act
        self.begun: list[int] = []
        self.done: list[str] = []
        self.given_up: list[str] = []
        self.release = asyncio.Event()
        self.release.set()

    async def work(self, job: ClaimedJob) -> None:
        self.begun.append(job.attempt)
        if self.act is not None:
            self.act(job)
        await self.release.wait()
        async with self.transactions.begin(Scope(job.tenant_id)) as session:
            await jobs.finish(session, job)
        self.done.append(job.key)

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        async with self.transactions.begin(Scope(job.tenant_id)) as session:
            await jobs.park(session, job, reason)
        self.given_up.append(reason)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
