import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from muniment.index.folding import hold_postings
from muniment.index.tasks import CleanPostings, FoldPostings, plan_cleaning, plan_folds
from muniment.ports.jobs import ClaimedJob, NewJob, postings_cleaning, postings_fold
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope
from tests.index.test_folding import held, tail
from tests.support.chunks import add_chunks, remove_chunks
from tests.support.shelf import Shelf

LEASE = timedelta(seconds=30)
Work = Callable[[ClaimedJob], Awaitable[None]]


async def enqueue(shelf: Shelf, job: NewJob) -> None:
    async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
        await jobs.enqueue(session, [job])


async def claim(shelf: Shelf) -> ClaimedJob | None:
    async with shelf.database.worker.begin(None) as session:
        return await jobs.claim(session, "w", LEASE)


async def waiting(shelf: Shelf) -> list[tuple[str, str]]:
    """Give kind and state of every job."""
    async with shelf.database.owner.connect() as owner:
        found = await owner.execute(text("select kind, state from job order by id"))
        return [(row.kind, row.state) for row in found]


async def work_off(shelf: Shelf, work: Work) -> int:
    """Work until no job is left; give how many there were."""
    for done in range(100):
        job = await claim(shelf)
        if job is None:
            return done
        await work(job)
    raise AssertionError("the jobs have no end")


@pytest.fixture
async def chunks(shelf: Shelf) -> list[int]:
    """Write ten chunks that share a word."""
    collection = await shelf.add_collection({"everyone": "reader"})
    return await add_chunks(shelf, collection, [{1: 0.5, n + 2: 1.0} for n in range(10)])


class TestFoldPostings:
    async def test_folds_part_by_part_until_nothing_waits(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await enqueue(shelf, postings_fold(shelf.tenant_id))
        assert await work_off(shelf, FoldPostings(shelf.database.worker, most=4).work) == 3
        assert (await held(shelf))[1] == chunks
        assert await tail(shelf) == []

    async def test_waits_while_another_has_the_postings(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await enqueue(shelf, postings_fold(shelf.tenant_id))
        job = await claim(shelf)
        assert job is not None
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
            assert await hold_postings(session, shelf.tenant_id)
            await FoldPostings(shelf.database.worker).work(job)
        assert await waiting(shelf) == [("fold_postings", "queued")]
        assert await tail(shelf) == chunks

    async def test_that_is_killed_in_the_middle_is_done_again_and_once(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await enqueue(shelf, postings_fold(shelf.tenant_id))
        first = await claim(shelf)
        assert first is not None
        fold = FoldPostings(shelf.database.worker)
        async with shelf.database.owner.begin() as owner:
            # The fold writes its blocks and then waits here, in the middle of its transaction.
            await owner.execute(text("lock table lex_fold in exclusive mode"))
            working = asyncio.ensure_future(fold.work(first))
            await kill_whoever_waits(shelf)
            with pytest.raises(DBAPIError):
                await working
        assert await held(shelf) == {}
        assert await tail(shelf) == chunks

        async with shelf.database.owner.begin() as owner:
            await owner.execute(text("update job set lease_until = now()"))
        assert await work_off(shelf, fold.work) == 1

        assert (await held(shelf))[1] == chunks
        assert await tail(shelf) == []

    async def test_that_comes_late_is_refused_and_leaves_nothing(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await enqueue(shelf, postings_fold(shelf.tenant_id))
        late = await claim(shelf)
        assert late is not None
        async with shelf.database.owner.begin() as owner:
            await owner.execute(text("update job set lease_until = now()"))
        assert await claim(shelf) is not None
        with pytest.raises(jobs.FenceLostError):
            await FoldPostings(shelf.database.worker).work(late)
        assert await held(shelf) == {}
        assert await tail(shelf) == chunks

    async def test_that_is_given_up_is_parked(self, shelf: Shelf) -> None:
        await enqueue(shelf, postings_fold(shelf.tenant_id))
        job = await claim(shelf)
        assert job is not None
        await FoldPostings(shelf.database.worker).give_up(job, "tired")
        assert await waiting(shelf) == [("fold_postings", "parked")]


async def kill_whoever_waits(shelf: Shelf) -> None:
    """End the session that waits for the lock, as the death of its process would."""
    killed: int | None = None
    while killed is None:
        # As the role itself, which alone may see what its sessions wait for.
        async with shelf.database.worker.begin(None) as session:
            killed = await session.scalar(
                text(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                    " where wait_event_type = 'Lock' and datname = current_database()"
                    " and query like '%insert into lex_fold%' having count(*) > 0"
                )
            )
        await asyncio.sleep(0.01)


class TestCleanPostings:
    async def test_passes_through_everything_job_by_job(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await shelf.fold()
        await remove_chunks(shelf, chunks[:5])
        await enqueue(shelf, postings_cleaning(shelf.tenant_id))
        assert await work_off(shelf, CleanPostings(shelf.database.worker).work) == 2
        assert await held(shelf) == {1: chunks[5:]} | {n + 2: [chunks[n]] for n in range(5, 10)}

    async def test_waits_while_another_has_the_postings(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await enqueue(shelf, postings_cleaning(shelf.tenant_id, 3))
        job = await claim(shelf)
        assert job is not None
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
            assert await hold_postings(session, shelf.tenant_id)
            await CleanPostings(shelf.database.worker).work(job)
        assert await waiting(shelf) == [("clean_postings", "queued")]

    async def test_that_is_given_up_is_parked(self, shelf: Shelf) -> None:
        await enqueue(shelf, postings_cleaning(shelf.tenant_id))
        job = await claim(shelf)
        assert job is not None
        await CleanPostings(shelf.database.worker).give_up(job, "tired")
        assert await waiting(shelf) == [("clean_postings", "parked")]


class TestPlans:
    async def test_ask_once_for_a_fold_of_a_long_tail(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await plan_folds(shelf.database.worker, least=11)
        assert await waiting(shelf) == []
        for _ in range(2):
            await plan_folds(shelf.database.worker, least=10)
        assert await waiting(shelf) == [("fold_postings", "queued")]

    async def test_ask_once_for_cleaning_where_much_is_gone(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await shelf.fold()
        await plan_cleaning(shelf.database.worker)
        assert await waiting(shelf) == []
        await remove_chunks(shelf, chunks[:3])
        for _ in range(2):
            await plan_cleaning(shelf.database.worker)
        assert await waiting(shelf) == [("clean_postings", "queued")]

    async def test_ask_again_when_the_last_one_was_parked(
        self, shelf: Shelf, chunks: list[int]
    ) -> None:
        await plan_folds(shelf.database.worker, least=10)
        job = await claim(shelf)
        assert job is not None
        await FoldPostings(shelf.database.worker).give_up(job, "tired")
        await plan_folds(shelf.database.worker, least=10)
        assert await waiting(shelf) == [("fold_postings", "parked"), ("fold_postings", "queued")]
