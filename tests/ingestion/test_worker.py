import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from muniment.ingestion.worker import JobKind, Worker
from muniment.ports.jobs import ClaimedJob, NewJob
from muniment.postgres import jobs
from muniment.postgres.jobs import Backoff
from tests.ingestion.recorded import QUICK, Recorded, eventually
from tests.support.database import TestDatabase
from tests.support.fragile_transactions import FragileTransactions
from tests.support.library_rows import LibraryRows


class NoSpaceError(OSError):
    """A failure that no job is to blame for."""

    sqlstate = "53100"


def make_worker(database: TestDatabase, kind: JobKind) -> Worker:
    return Worker(database.worker, {"test": kind}, QUICK, Backoff(first=timedelta(0)))


async def add(library: LibraryRows, *keys: str, kind: str = "test") -> None:
    for key in keys:
        await library.enqueue(NewJob(library.tenant_id, kind, key, {}))


async def add_of(library: LibraryRows, user_id: UUID, *keys: str) -> None:
    """Add jobs that one user waits for."""
    for key in keys:
        await library.enqueue(NewJob(library.tenant_id, "test", key, {}, user_id=user_id))


async def states(database: TestDatabase) -> list[tuple[str, int]]:
    async with database.owner.connect() as connection:
        found = await connection.execute(text("select state, attempt from job order by id"))
        return [(state, attempt) for state, attempt in found.all()]


async def keys_and_states(database: TestDatabase) -> list[tuple[str, str]]:
    async with database.owner.connect() as connection:
        found = await connection.execute(text("select key, state from job order by id"))
        return [(key, state) for key, state in found.all()]


class TestRun:
    async def test_works_off_the_queue_and_stops(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        kind = Recorded(database.worker)
        worker = make_worker(database, kind)
        await add(library, "a", "b", "c")

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            await eventually(lambda: len(kind.done) == 3)
            worker.stop()

        assert sorted(kind.done) == ["a", "b", "c"]
        assert await states(database) == []

    async def test_finds_what_came_while_it_rested(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        kind = Recorded(database.worker)
        worker = make_worker(database, kind)

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            await asyncio.sleep(0.1)
            await add(library, "late")
            await eventually(lambda: kind.done == ["late"])
            worker.stop()

    async def test_stopped_worker_puts_its_job_back_unharmed(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        kind = Recorded(database.worker)
        kind.release.clear()
        worker = make_worker(database, kind)
        await add(library, "slow")

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            await eventually(lambda: kind.begun == [1])
            worker.stop()

        assert await states(database) == [("queued", 0)]


class TestSpareSlot:
    async def test_is_for_whoever_has_nothing_running(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        busy, other = UUID(int=1), UUID(int=2)
        kind = Recorded(database.worker)
        kind.release.clear()
        worker = make_worker(database, kind)
        await add_of(library, busy, "long-1", "long-2", "long-3")

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            await eventually(lambda: len(kind.begun) == 2)
            await asyncio.sleep(5 * QUICK.poll_interval.total_seconds())
            assert len(kind.begun) == 2
            await add_of(library, other, "short-1", "short-2")
            await eventually(lambda: len(kind.begun) == 3)
            running = {key for key, state in await keys_and_states(database) if state == "running"}
            assert running == {"long-1", "long-2", "short-1"}
            kind.release.set()
            await eventually(lambda: len(kind.done) == 5)
            worker.stop()


class TestDatabaseAway:
    async def test_is_told_once_by_all_slots_and_waited_for(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        transactions = FragileTransactions(database.worker)
        transactions.trouble = ConnectionRefusedError()
        kind = Recorded(database.worker)
        worker = Worker(transactions, {"test": kind}, QUICK)
        await add(library, "waiting")

        with capture_logs() as logs:
            async with asyncio.TaskGroup() as group:
                group.create_task(worker.run())
                await eventually(lambda: transactions.refused > 3 * QUICK.concurrency)
                transactions.trouble = None
                await eventually(lambda: kind.done == ["waiting"])
                worker.stop()

        assert [entry["event"] for entry in logs] == [
            "worker_started",
            "worker_waits",
            "worker_goes_on",
            "worker_stopped",
        ]
        assert not any("exc_info" in entry for entry in logs)


class TestAttempts:
    async def test_fault_is_tried_again_then_given_up(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        def fail(_job: ClaimedJob) -> None:
            raise ValueError

        kind = Recorded(database.worker, fail)
        worker = make_worker(database, kind)
        await add(library, "bad")

        while await worker.run_one():
            pass

        assert kind.begun == [1, 2, 3]
        assert kind.given_up == ["ValueError"]
        assert await states(database) == [("parked", 3)]

    async def test_fault_of_one_job_leaves_the_others_alone(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        def fail_on_bad(job: ClaimedJob) -> None:
            if job.key == "bad":
                raise ValueError

        kind = Recorded(database.worker, fail_on_bad)
        worker = make_worker(database, kind)
        await add(library, "bad", "good")

        while await worker.run_one():
            pass

        assert kind.done == ["good"]

    async def test_unknown_kind_is_left_for_a_worker_that_knows_it(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        worker = make_worker(database, Recorded(database.worker))
        await add(library, "later", kind="from_a_newer_version")

        assert await worker.run_one()

        assert await states(database) == [("queued", 0)]
        assert not await worker.run_one()


class TestLastAttempt:
    @pytest.fixture
    async def suspect(self, database: TestDatabase, library: LibraryRows) -> None:
        """A job that has been tried twice, and one that has not."""
        await add(library, "suspect", "other")
        async with database.owner.begin() as connection:
            await connection.execute(text("update job set attempt = 2 where key = 'suspect'"))

    async def test_runs_beside_no_other_job(self, database: TestDatabase, suspect: None) -> None:
        kind = Recorded(database.worker)
        kind.release.clear()
        worker = make_worker(database, kind)

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run_one())
            await eventually(lambda: kind.begun == [3])
            assert not await worker.run_one()
            kind.release.set()

        assert await worker.run_one()
        assert kind.done == ["suspect", "other"]

    async def test_waits_for_what_runs_already(self, database: TestDatabase, suspect: None) -> None:
        kind = Recorded(database.worker)
        kind.release.clear()
        worker = make_worker(database, kind)
        async with database.owner.begin() as connection:
            later = "update job set run_at = now() + interval '1 hour' where key = 'suspect'"
            await connection.execute(text(later))

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run_one())
            await eventually(lambda: kind.begun == [1])
            async with database.owner.begin() as connection:
                await connection.execute(text("update job set run_at = now() where attempt = 2"))
            assert not await worker.run_one()
            kind.release.set()

        assert await worker.run_one()
        assert kind.begun == [1, 3]


class TestLease:
    async def test_lease_is_kept_while_the_work_lasts(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        kind = Recorded(database.worker)
        kind.release.clear()
        worker = make_worker(database, kind)
        await add(library, "long")

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run_one())
            await asyncio.sleep(2.2)
            async with database.worker.begin(None) as session:
                assert await jobs.claim(session, "rival", QUICK.lease) is None
            kind.release.set()

        assert kind.done == ["long"]

    async def test_job_that_was_taken_over_is_dropped(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        kind = Recorded(database.worker)
        kind.release.clear()
        worker = make_worker(database, kind)
        await add(library, "stolen")

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run_one())
            await eventually(lambda: kind.begun == [1])
            async with database.owner.begin() as connection:
                await connection.execute(text("update job set fence = fence + 1"))

        assert kind.done == []
        assert kind.given_up == []
        assert await states(database) == [("running", 1)]


class TestPassingFailures:
    async def test_use_up_no_attempt(self, database: TestDatabase, library: LibraryRows) -> None:
        def fail(_job: ClaimedJob) -> None:
            raise NoSpaceError("no space left")

        kind = Recorded(database.worker, fail)
        worker = make_worker(database, kind)
        await add(library, "a")

        for _ in range(5):
            assert await worker.run_one()
            async with database.owner.begin() as connection:
                waits = await connection.scalar(text("select run_at > now() from job"))
                assert waits
                await connection.execute(text("update job set run_at = now()"))

        assert kind.begun == [1] * 5
        assert kind.given_up == []
        assert await states(database) == [("queued", 0)]

    async def test_that_a_job_may_be_to_blame_for_count_but_are_told_in_one_line(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        def fail(_job: ClaimedJob) -> None:
            raise ExceptionGroup("both", [TimeoutError(), NoSpaceError("no space left")])

        worker = make_worker(database, Recorded(database.worker, fail))
        await add(library, "a")

        with capture_logs() as logs:
            assert await worker.run_one()

        [told] = [entry for entry in logs if entry["event"] == "job_failed"]
        assert told["rules"] == ["database_exhausted", "timeout"]
        assert "exc_info" not in told
        assert await states(database) == [("queued", 1)]

    async def test_use_up_no_attempt_while_the_database_cannot_be_told(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        transactions = FragileTransactions(database.worker)

        def lose_database(_job: ClaimedJob) -> None:
            transactions.trouble = ConnectionRefusedError()
            raise ConnectionResetError

        kind = Recorded(database.worker, lose_database)
        worker = Worker(transactions, {"test": kind}, QUICK)
        await add(library, "a")

        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run_one())
            await eventually(lambda: transactions.refused > 1)
            transactions.trouble = None

        assert await states(database) == [("queued", 0)]

    async def test_make_a_job_wait_no_longer_than_they_last(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        def fail(_job: ClaimedJob) -> None:
            raise ConnectionResetError

        worker = make_worker(database, Recorded(database.worker, fail))
        await add(library, "a")

        assert await worker.run_one()

        async with database.owner.connect() as connection:
            wait = await connection.scalar(text("select run_at - now() from job"))
        assert timedelta(0) < wait <= timedelta(seconds=5)

    async def test_that_outlast_the_lease_leave_the_job_to_the_next_worker(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        transactions = FragileTransactions(database.worker)

        def lose_database(_job: ClaimedJob) -> None:
            transactions.trouble = ConnectionRefusedError()
            raise ConnectionResetError

        worker = Worker(transactions, {"test": Recorded(database.worker, lose_database)}, QUICK)
        await add(library, "a")

        with pytest.raises(ConnectionRefusedError):
            await worker.run_one()

        assert await states(database) == [("running", 1)]

    async def test_beside_one_of_its_own_are_the_job_s(
        self, database: TestDatabase, library: LibraryRows
    ) -> None:
        def fail(_job: ClaimedJob) -> None:
            raise ExceptionGroup("both", [NoSpaceError("no space left"), ValueError("and this")])

        worker = make_worker(database, Recorded(database.worker, fail))
        await add(library, "a")

        with capture_logs() as logs:
            assert await worker.run_one()

        assert ["exc_info" in entry for entry in logs if entry["event"] == "job_failed"] == [True]
        assert await states(database) == [("queued", 1)]
