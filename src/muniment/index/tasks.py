"""Jobs on the packed postings: fold the tail in, and drop what is gone.

Each commit is whole: postings, tail and job change together, so a worker that is killed leaves
everything as it was. Who comes while another worker has the postings of the tenant waits a little.
"""

from datetime import timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.index.folding import (
    begin_cleaning,
    clean_terms,
    find_folded,
    find_long_tails,
    fold_tail,
    hold_postings,
    needs_cleaning,
)
from muniment.ports.jobs import (
    ClaimedJob,
    NewJob,
    postings_cleaning,
    postings_fold,
)
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)

_WAIT = timedelta(seconds=5)
_WANTED = text(
    "select exists (select from job where kind = :kind and key = :key and state <> 'parked')"
)

LONG_TAIL = 1000
"""From so many chunks on a tail is folded: comparing them takes a search two or three ms of CPU."""
MOST_CHUNKS = 4000
"""What one fold takes: bounds its memory and how long it keeps others from the postings."""
GONE_SHARE = 0.2
PATIENCE = timedelta(days=7)


class FoldPostings:
    """Moves the tail of a tenant into its packed postings."""

    def __init__(self, transactions: Transactions, most: int = MOST_CHUNKS) -> None:
        self._transactions = transactions
        self._most = most

    async def work(self, job: ClaimedJob) -> None:
        """Fold as much as one commit takes, and ask for the rest."""
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            if not await hold_postings(session, job.tenant_id):
                await jobs.release(session, job, "the postings are being changed", _WAIT)
                return
            folded = await fold_tail(session, job.tenant_id, self._most)
            if folded.is_more_left:
                await jobs.enqueue(session, [postings_fold(job.tenant_id)])
            await jobs.finish(session, job)
        _log.info("postings_folded", tenant=job.tenant_id, chunks=folded.chunks)

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Park the job; until it is done searches compare the tail chunk by chunk."""
        await _park(self._transactions, job, reason)


class CleanPostings:
    """Drops from the packed postings of a tenant the chunks that are gone."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def work(self, job: ClaimedJob) -> None:
        """Clean some terms, and ask for those after them."""
        after = int(job.payload["after"])
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            if not await hold_postings(session, job.tenant_id):
                await jobs.release(session, job, "the postings are being changed", _WAIT)
                return
            if after < 0:
                await begin_cleaning(session, job.tenant_id)
            until = await clean_terms(session, job.tenant_id, after)
            if until is not None:
                await jobs.enqueue(session, [postings_cleaning(job.tenant_id, until)])
            await jobs.finish(session, job)

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Park the job; searches go on passing over what is gone."""
        await _park(self._transactions, job, reason)


async def plan_folds(transactions: Transactions, least: int = LONG_TAIL) -> None:
    """Ask for a fold wherever the tail has grown long, unless one is asked for.

    Two workers that plan at once may ask twice: the second fold finds little to do.
    """
    async with transactions.begin(None) as session:
        tenants = await find_long_tails(session, least)
    for tenant_id in tenants:
        await _ask_once(transactions, postings_fold(tenant_id))


async def plan_cleaning(
    transactions: Transactions, share: float = GONE_SHARE, patience: timedelta = PATIENCE
) -> None:
    """Ask for a pass through the postings of every tenant where too much is gone."""
    async with transactions.begin(None) as session:
        tenants = await find_folded(session)
    for tenant_id in tenants:
        async with transactions.begin(Scope(tenant_id)) as session:
            is_due = await needs_cleaning(session, tenant_id, share, patience)
        if is_due:
            await _ask_once(transactions, postings_cleaning(tenant_id))


async def _ask_once(transactions: Transactions, job: NewJob) -> None:
    async with transactions.begin(Scope(job.tenant_id)) as session:
        if not await _is_wanted(session, job):
            await jobs.enqueue(session, [job])


async def _is_wanted(session: AsyncSession, job: NewJob) -> bool:
    return bool(await session.scalar(_WANTED, {"kind": job.kind, "key": job.key}))


async def _park(transactions: Transactions, job: ClaimedJob, reason: str) -> None:
    _log.error("job_parked", reason=reason)
    async with transactions.begin(Scope(job.tenant_id)) as session:
        await jobs.park(session, job, reason)
