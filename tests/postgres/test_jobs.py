import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from muniment.ports.jobs import COUNT_WORDS, ClaimedJob, NewJob, word_recount
from muniment.postgres import jobs
from muniment.postgres.jobs import Backoff, FenceLostError
from tests.support.database import TestDatabase
from tests.support.statements import counted_statements

LEASE = timedelta(minutes=1)
EXPIRED = timedelta(seconds=-1)
NO_WAIT = Backoff(first=timedelta(0))


def job(number: int, tenant: int = 1, user: int = 0) -> NewJob:
    return NewJob(tenant, "work", f"key-{number}", {"number": number}, user_id=UUID(int=user))


async def enqueue(database: TestDatabase, *wanted: NewJob) -> None:
    async with database.serving.begin(None) as session:
        await jobs.enqueue(session, wanted)


async def claim(
    database: TestDatabase, owner: str = "w1", lease: timedelta = LEASE, *, alone: bool = True
) -> ClaimedJob | None:
    async with database.worker.begin(None) as session:
        return await jobs.claim(session, owner, lease, alone=alone)


async def must_claim(database: TestDatabase, lease: timedelta = LEASE) -> ClaimedJob:
    claimed = await claim(database, lease=lease)
    assert claimed is not None
    return claimed


async def states(database: TestDatabase) -> list[tuple[str, int, str | None]]:
    async with database.owner.connect() as owner:
        found = await owner.execute(text("select state, attempt, last_error from job order by id"))
        return [tuple(row) for row in found]


class TestEnqueue:
    async def test_exists_once_its_transaction_is_committed(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))

        claimed = await must_claim(database)

        assert (claimed.tenant_id, claimed.kind, claimed.key) == (1, "work", "key-1")
        assert claimed.payload == {"number": 1}

    async def test_never_was_when_its_transaction_fails(self, database: TestDatabase) -> None:
        with suppress(RuntimeError):
            async with database.serving.begin(None) as session:
                await jobs.enqueue(session, [job(1)])
                raise RuntimeError

        assert await claim(database) is None

    async def test_is_invisible_until_then(self, database: TestDatabase) -> None:
        async with database.serving.begin(None) as session:
            await jobs.enqueue(session, [job(1)])
            assert await claim(database) is None

        assert await claim(database) is not None

    async def test_of_many_is_one_statement(self, database: TestDatabase) -> None:
        with counted_statements() as statements:
            await enqueue(database, *(job(number) for number in range(100)))

        assert len(statements) == 1

    async def test_is_all_that_the_serving_role_may_do(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))
        async with database.serving.begin(None) as session:
            with pytest.raises(DBAPIError, match="permission denied"):
                await jobs.claim(session, "intruder", LEASE)


class TestClaim:
    async def test_of_an_empty_queue_gives_nothing(self, database: TestDatabase) -> None:
        assert await claim(database) is None

    async def test_takes_the_jobs_of_a_tenant_in_their_order(self, database: TestDatabase) -> None:
        await enqueue(database, job(1), job(2), job(3))

        assert [(await must_claim(database)).key for _ in range(3)] == ["key-1", "key-2", "key-3"]
        assert await claim(database) is None

    async def test_counts_the_attempt_at_once(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))

        claimed = await must_claim(database)

        assert (claimed.attempt, claimed.exhausted, claimed.last_attempt) == (1, False, False)
        assert await states(database) == [("running", 1, None)]

    async def test_lets_one_job_of_a_tenant_pass_five_thousand_of_another(
        self, database: TestDatabase
    ) -> None:
        await enqueue(database, *(job(number) for number in range(5000)))
        await enqueue(database, job(0, tenant=2))

        with counted_statements() as statements:
            tenants = [(await must_claim(database)).tenant_id for _ in range(4)]

        assert 2 in tenants[:2]
        assert tenants[2:] == [1, 1]
        assert len(statements) == 4

    async def test_takes_turns_between_tenants_of_equal_load(self, database: TestDatabase) -> None:
        for tenant in (1, 2, 3):
            await enqueue(database, *(job(number, tenant) for number in range(3)))

        tenants = [(await must_claim(database)).tenant_id for _ in range(9)]

        assert [sorted(tenants[i : i + 3]) for i in (0, 3, 6)] == [[1, 2, 3]] * 3

    async def test_lets_one_job_of_a_user_pass_five_thousand_of_another(
        self, database: TestDatabase
    ) -> None:
        await enqueue(database, *(job(number, user=1) for number in range(5000)))
        await enqueue(database, job(9999, user=2))

        keys = [(await must_claim(database)).key for _ in range(4)]

        assert "key-9999" in keys[:2]
        assert keys[2:] == ["key-1", "key-2"]

    async def test_passes_over_whom_it_is_not_for(self, database: TestDatabase) -> None:
        await enqueue(database, job(1, user=1), job(2, user=2))
        await must_claim(database, EXPIRED)
        async with database.worker.begin(None) as session:
            claimed = await jobs.claim(session, "w2", LEASE, but=[UUID(int=1)])
            nothing = await jobs.claim(session, "w2", LEASE, but=[UUID(int=1), UUID(int=2)])
        assert claimed is not None
        assert (claimed.key, claimed.user_id) == ("key-2", UUID(int=2))
        assert nothing is None

    async def test_takes_turns_between_the_users_of_a_tenant(self, database: TestDatabase) -> None:
        for user in (1, 2, 3):
            await enqueue(database, *(job(10 * user + n, user=user) for n in range(3)))

        keys = [(await must_claim(database)).key for _ in range(9)]

        turns = [keys[first : first + 3] for first in (0, 3, 6)]
        assert turns == [[f"key-{user}{n}" for user in (1, 2, 3)] for n in range(3)]

    async def test_gives_a_tenant_with_many_users_no_more_than_one_with_one(
        self, database: TestDatabase
    ) -> None:
        for user in range(20):
            await enqueue(database, job(user, tenant=1, user=user))
        await enqueue(database, *(job(n, tenant=2, user=99) for n in range(3)))

        tenants = [(await must_claim(database)).tenant_id for _ in range(6)]

        assert [sorted(tenants[i : i + 2]) for i in (0, 2, 4)] == [[1, 2]] * 3

    async def test_lets_what_dead_workers_held_pass_no_more_than_one_job_of_another_tenant(
        self, database: TestDatabase
    ) -> None:
        await enqueue(database, *(job(number) for number in range(20)))
        for _ in range(20):
            await must_claim(database, EXPIRED)
        await enqueue(database, job(0, tenant=2))

        tenants = [(await must_claim(database)).tenant_id for _ in range(2)]

        assert 2 in tenants

    async def test_gives_no_job_to_two_claimers(self, database: TestDatabase) -> None:
        await enqueue(database, *(job(number) for number in range(40)))
        gate = asyncio.Semaphore(5)
        taken: list[int] = []

        async def work(name: str) -> None:
            async with gate:
                while (claimed := await claim(database, name)) is not None:
                    taken.append(claimed.id)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(work(f"w{number}"))

        assert len(taken) == len(set(taken)) == 40

    async def test_passes_over_a_job_that_somebody_is_just_claiming(
        self, database: TestDatabase
    ) -> None:
        await enqueue(database, job(1), job(2))
        async with database.worker.begin(None) as session:
            first = await jobs.claim(session, "w1", LEASE)
            second = await asyncio.wait_for(claim(database, "w2"), timeout=2)

        assert first is not None
        assert second is not None
        assert {first.key, second.key} == {"key-1", "key-2"}

    async def test_gives_a_last_attempt_only_to_a_worker_that_does_nothing_else(
        self, database: TestDatabase
    ) -> None:
        await enqueue(database, job(1))
        for _ in range(2):
            await must_claim(database, EXPIRED)

        assert await claim(database, alone=False) is None
        assert (await must_claim(database)).last_attempt

    async def test_reads_by_index_and_not_the_whole_queue(self, database: TestDatabase) -> None:
        await enqueue(
            database, *(job(number, number % 5, user=number % 7) for number in range(5000))
        )
        async with database.owner.begin() as owner:
            # Jobs that were put aside must cost nothing.
            await owner.execute(
                text("update job set state = 'parked', lease_until = null where id % 2 = 0")
            )
        async with database.owner.connect() as owner:
            autocommit = await owner.execution_options(isolation_level="AUTOCOMMIT")
            await autocommit.execute(text("vacuum analyze job"))
        async with database.worker.begin(None) as session:
            plan = await session.execute(
                text(f"explain {jobs._CLAIM.text}"),
                {"owner": "w", "lease": LEASE, "first": jobs._FIRST, "alone": True, "but": []},
            )
            lines = "\n".join(plan.scalars())

        assert "Seq Scan on job" not in lines
        assert "job_waiting_idx" in lines
        assert "job_leased_idx" in lines


class TestLease:
    async def test_that_holds_keeps_the_job(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))
        await must_claim(database)

        assert await claim(database) is None

    async def test_that_ran_out_gives_the_job_to_the_next(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))
        lost = await must_claim(database, EXPIRED)

        found = await must_claim(database)

        assert found.id == lost.id
        assert found.fence > lost.fence
        assert found.attempt == 2

    async def test_can_be_prolonged_by_its_holder_alone(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))
        lost = await must_claim(database, EXPIRED)
        async with database.worker.begin(None) as session:
            assert await jobs.extend(session, lost, LEASE) is True
        assert await claim(database) is None

        async with database.worker.begin(None) as session:
            assert await jobs.extend(session, replace(lost, fence=lost.fence - 1), LEASE) is False

    async def test_of_a_job_that_kills_every_worker_ends_as_exhausted(
        self, database: TestDatabase
    ) -> None:
        await enqueue(database, job(1))
        claims = [await must_claim(database, EXPIRED) for _ in range(4)]

        assert [each.last_attempt for each in claims] == [False, False, True, True]
        assert [each.exhausted for each in claims] == [False, False, False, True]

        # Whoever reports it may be killed as well: it comes back until it is parked.
        again = await must_claim(database)
        assert again.exhausted
        async with database.worker.begin(None) as session:
            await jobs.park(session, again, "killed its worker")
        assert await claim(database) is None
        assert await states(database) == [("parked", 5, "killed its worker")]


class TestFence:
    @pytest.fixture
    async def stale(self, database: TestDatabase) -> ClaimedJob:
        """A claim whose lease ran out and that another worker took over."""
        await enqueue(database, job(1))
        stale = await must_claim(database, EXPIRED)
        await must_claim(database)
        return stale

    async def test_keeps_a_stale_worker_from_ending_the_job(
        self, database: TestDatabase, stale: ClaimedJob
    ) -> None:
        before = await states(database)
        async with database.worker.begin(None) as session:
            for refused in (
                jobs.finish(session, stale),
                jobs.park(session, stale, "x"),
                jobs.retry_later(session, stale, "x", Backoff()),
            ):
                with pytest.raises(FenceLostError, match="taken over"):
                    await refused
        async with database.worker.begin(None) as session:
            assert await jobs.extend(session, stale, LEASE) is False
            await jobs.release(session, stale, "stopping")

        assert await states(database) == before

    async def test_rolls_back_what_a_stale_worker_did(
        self, database: TestDatabase, stale: ClaimedJob
    ) -> None:
        with suppress(FenceLostError):
            async with database.worker.begin(None) as session:
                await session.execute(
                    text(
                        "insert into chunk_lex (chunk_id, document_id, tenant_id, lex)"
                        " values (1, gen_random_uuid(), 1, '{}/9')"
                    )
                )
                await jobs.finish(session, stale)

        async with database.owner.connect() as owner:
            assert (await owner.execute(text("select lex from chunk_lex"))).all() == []


class TestEnds:
    async def test_finished_job_is_gone(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))
        async with database.worker.begin(None) as session:
            claimed = await jobs.claim(session, "w1", LEASE)
            assert claimed is not None
            await jobs.finish(session, claimed)

        assert await states(database) == []

    async def test_released_job_has_lost_no_attempt(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))
        for _ in range(5):
            claimed = await must_claim(database)
            assert claimed.attempt == 1
            async with database.worker.begin(None) as session:
                await jobs.release(session, claimed, "stopping")

    async def test_failed_job_waits_before_it_comes_again(self, database: TestDatabase) -> None:
        await enqueue(database, job(1))
        claimed = await must_claim(database)
        async with database.worker.begin(None) as session:
            await jobs.retry_later(session, claimed, "no disk", Backoff())

        assert await states(database) == [("queued", 1, "no disk")]
        assert await claim(database) is None
        async with database.owner.begin() as owner:
            await owner.execute(text("update job set run_at = run_at - interval '3 seconds'"))
        assert (await must_claim(database)).attempt == 2

    async def test_retried_job_is_exhausted_after_its_attempts(
        self, database: TestDatabase
    ) -> None:
        await enqueue(database, job(1))
        for _ in range(3):
            claimed = await must_claim(database)
            async with database.worker.begin(None) as session:
                await jobs.retry_later(session, claimed, "no disk", NO_WAIT)

        assert (await must_claim(database)).exhausted


class TestBackoff:
    @pytest.mark.parametrize(
        ("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (10_000, 300)]
    )
    def test_doubles_up_to_its_limit(self, attempt: int, seconds: int) -> None:
        assert Backoff().after(attempt) == timedelta(seconds=seconds)


class TestWhatGoesFirst:
    async def test_passes_all_that_waits(self, database: TestDatabase) -> None:
        await enqueue(database, *(job(number, user=number) for number in range(3)))
        await enqueue(database, word_recount(1, UUID(int=7)))

        assert (await must_claim(database)).kind == COUNT_WORDS
