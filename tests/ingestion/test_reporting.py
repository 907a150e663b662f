"""What the row of a document says while a worker reads it, and how seldom it is written."""

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from sqlalchemy import text

from muniment.ingestion.reporting import BEGINNING, INTERVAL, Report
from muniment.ingestion.repository import IngestionRepository
from muniment.ingestion.worker import Worker
from muniment.library.models import Document
from muniment.ports.jobs import ClaimedJob
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope
from tests.ingestion.test_tasks import LEASE, LEAVE, claimed
from tests.support.database import TestDatabase
from tests.support.library_rows import LibraryRows


@dataclass
class Reported:
    """A document that is being read, and a clock that the test moves."""

    library: LibraryRows
    database: TestDatabase
    document_id: UUID
    job: ClaimedJob
    seconds: float = 0.0
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(self.database.worker, self.job, now=lambda: self.seconds)

    def wait(self, intervals: float = 1.0) -> None:
        self.seconds += intervals * INTERVAL.total_seconds()

    async def row(self) -> Document:
        document = await self.library.document(self.document_id)
        assert document is not None
        return document


@pytest.fixture
async def reported(library: LibraryRows, database: TestDatabase) -> Reported:
    document_id = await library.upload(LEAVE)
    job = await claimed(database)
    async with database.worker.begin(Scope(library.tenant_id)) as session:
        assert await IngestionRepository(session).begin(job, BEGINNING)
    return Reported(library, database, document_id, job)


class TestReport:
    async def test_says_how_many_chunks_are_embedded_and_how_fast(self, reported: Reported) -> None:
        reported.wait()
        await reported.report.embedding(0, 100)
        row = await reported.row()
        assert (row.stage, row.chunks_done, row.chunks_per_s) == ("embedding", 0, None)
        reported.wait(4)
        await reported.report.embedding(40, 100)
        row = await reported.row()
        assert (row.chunks_done, row.chunks_total, row.chunks_per_s) == (40, 100, 20.0)
        assert row.progress == pytest.approx(0.5)
        reported.wait()
        await reported.report.indexing(100)
        row = await reported.row()
        assert (row.status, row.stage, row.progress) == ("processing", "indexing", 0.95)

    async def test_is_written_once_in_an_interval_at_most(self, reported: Reported) -> None:
        for done in range(100):
            reported.wait(0.099)
            await reported.report.embedding(done, 100)
            row = await reported.row()
            expected = None if done < 10 else done - (done + 1) % 11
            assert row.chunks_done == expected

    async def test_of_a_long_text_says_at_once_that_it_is_cut(self, reported: Reported) -> None:
        await reported.report.cutting(1000)
        assert (await reported.row()).stage == "parsing"
        await reported.report.cutting(1_000_000)
        assert (await reported.row()).stage == "cutting"

    async def test_of_many_chunks_says_at_once_that_they_are_written(
        self, reported: Reported
    ) -> None:
        await reported.report.indexing(256)
        assert (await reported.row()).stage == "parsing"
        await reported.report.indexing(257)
        assert (await reported.row()).stage == "indexing"

    async def test_of_a_worker_that_lost_its_job_changes_nothing(self, reported: Reported) -> None:
        async with reported.database.owner.begin() as owner:
            await owner.execute(text("update job set lease_until = now() - interval '1 s'"))
        successor = await claimed(reported.database)
        async with reported.database.worker.begin(Scope(reported.library.tenant_id)) as session:
            assert await IngestionRepository(session).begin(successor, BEGINNING)
        reported.wait()
        await reported.report.embedding(40, 100)
        row = await reported.row()
        assert (row.stage, row.chunks_done) == ("parsing", None)

    async def test_needs_no_index_to_follow(self, reported: Reported) -> None:
        """Or each would write an entry of every index, and leave one behind."""
        written = ["stage", "progress", "chunks_done", "chunks_total", "chunks_per_s", "updated_at"]
        indexed = text(
            "select count(*) from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
            " where i.indrelid = 'document'::regclass and a.attname = any(:names)"
            " and (a.attnum = any(i.indkey) or pg_get_expr(i.indpred, i.indrelid) ~ a.attname)"
        )
        async with reported.database.owner.connect() as owner:
            assert (await owner.execute(indexed, {"names": written})).scalar_one() == 0


class TestEnd:
    async def test_is_told_with_its_time(self, library: LibraryRows, worker: Worker) -> None:
        document_id = await library.upload(LEAVE)
        while await worker.run_one():
            pass
        document = await library.document(document_id)
        assert document is not None
        assert document.status == "ready"
        assert document.begun_at is not None
        assert document.ended_at is not None
        assert document.begun_at <= document.ended_at

    async def test_of_one_that_failed_keeps_the_stage_in_which_it_did(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        document_id = await library.upload(b"%PDF-1.7 and no more", media_type="application/pdf")
        while await worker.run_one():
            pass
        document = await library.document(document_id)
        assert document is not None
        assert (document.status, document.stage) == ("failed", "parsing")
        assert document.ended_at is not None

    async def test_of_a_job_that_another_worker_took_over_is_refused_at_the_beginning(
        self, library: LibraryRows, database: TestDatabase
    ) -> None:
        await library.upload(LEAVE)
        stalled = await claimed(database)
        async with database.owner.begin() as owner:
            await owner.execute(text("update job set lease_until = now() - interval '1 s'"))
        async with database.worker.begin(None) as session:
            assert await jobs.claim(session, "another", LEASE)
        async with database.worker.begin(Scope(library.tenant_id)) as session:
            assert await IngestionRepository(session).begin(stalled, BEGINNING) is None
