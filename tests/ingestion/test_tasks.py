import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from muniment.index.models import Chunk
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.pipeline import Pipeline
from muniment.ingestion.reporting import BEGINNING
from muniment.ingestion.repository import IngestionRepository, StageOfWork
from muniment.ingestion.settings import IngestionSettings
from muniment.ingestion.tasks import IngestDocument
from muniment.ingestion.worker import JobKind, Worker
from muniment.library.models import Document
from muniment.ports.jobs import INGEST_DOCUMENT, ClaimedJob, document_ingestion, word_recount
from muniment.postgres import jobs
from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Scope, Transactions
from tests.support.database import TestDatabase
from tests.support.fake_originals import FakeOriginals
from tests.support.library_rows import LibraryRows

LEAVE = b"Staff get thirty days of leave.\n\nUnused days expire at the end of March."
LEASE = timedelta(seconds=15)
SLOW_CHUNKS = (
    (
        "create function slow_chunk() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(2.5); return new; end $$"
    ),
    "create trigger slow before insert on chunk for each statement execute function slow_chunk()",
)


async def finished(library: LibraryRows, worker: Worker, document_id: UUID) -> Document:
    while await worker.run_one():
        pass
    document = await library.document(document_id)
    assert document is not None
    return document


async def claimed(database: TestDatabase) -> ClaimedJob:
    async with database.worker.begin(None) as session:
        job = await jobs.claim(session, "test", LEASE)
    assert job is not None
    return job


class TestIngestDocument:
    async def test_document_becomes_ready_with_its_text(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        document_id = await library.upload(LEAVE)

        document = await finished(library, worker, document_id)

        version = await library.version(document_id, 1)
        assert (document.status, document.progress, document.ready_version) == ("ready", 1.0, 1)
        assert version is not None
        assert version.text == LEAVE.decode()
        assert version.language == "en"
        assert version.pipeline is not None
        assert "hashing" in version.pipeline

    async def test_chunks_are_slices_of_the_canonical_text(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        paragraphs = [f"Absatz {n}: Über {n} Gründe für 🦉 spricht nichts." for n in range(120)]
        document_id = await library.upload("\r\n\r\n".join(paragraphs).encode())

        document = await finished(library, worker, document_id)

        version = await library.version(document_id, 1)
        assert version is not None
        assert version.text is not None
        chunks = await library.chunks(document_id)
        assert len(chunks) == document.chunks > 4
        assert [chunk.text for chunk in chunks] == [
            version.text[chunk.start : chunk.end] for chunk in chunks
        ]
        assert (
            await library.count("chunk_vector") == await library.count("chunk_lex") == len(chunks)
        )

    async def test_job_is_gone_at_the_end(self, library: LibraryRows, worker: Worker) -> None:
        await finished(library, worker, await library.upload(LEAVE))

        assert await library.count("job") == 0

    async def test_file_that_cannot_be_read_says_why(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        document_id = await library.upload(
            b"%PDF-1.7 and then nothing of a pdf", media_type="application/pdf"
        )

        document = await finished(library, worker, document_id)

        assert document.status == "failed"
        assert document.error_code == "malformed"
        assert document.error_detail
        assert document.ready_version is None
        assert await library.count("job") == 0

    async def test_missing_original_says_so(
        self, library: LibraryRows, worker: Worker, originals: FakeOriginals
    ) -> None:
        document_id = await library.upload(LEAVE)
        originals.files.clear()

        document = await finished(library, worker, document_id)

        assert (document.status, document.error_code) == ("failed", "original_missing")

    async def test_running_it_again_changes_nothing(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        document_id = await library.upload(LEAVE)
        await finished(library, worker, document_id)
        before = [(chunk.ordinal, chunk.text) for chunk in await library.chunks(document_id)]
        terms = await term_counts(library)

        await library.enqueue(document_ingestion(library.tenant_id, document_id, 1))
        await finished(library, worker, document_id)

        after = [(chunk.ordinal, chunk.text) for chunk in await library.chunks(document_id)]
        assert after == before
        assert await term_counts(library) == terms

    async def test_collection_language_beats_detection(
        self, library: LibraryRows, worker: Worker, database: TestDatabase
    ) -> None:
        async with database.owner.begin() as connection:
            await connection.execute(text("update collection set language = 'sv'"))
        document_id = await library.upload(LEAVE)

        await finished(library, worker, document_id)

        version = await library.version(document_id, 1)
        assert version is not None
        assert version.language == "sv"


class TestVersions:
    async def test_new_version_replaces_the_chunks_of_the_old(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        document_id = await library.upload(LEAVE)
        await finished(library, worker, document_id)

        await library.change(document_id, b"Staff get thirty-two days of leave.", 2)
        document = await finished(library, worker, document_id)

        chunks: list[Chunk] = await library.chunks(document_id)
        assert (document.ready_version, document.version) == (2, 2)
        assert {chunk.version for chunk in chunks} == {2}
        assert "thirty-two" in chunks[0].text

    async def test_old_version_stays_findable_when_the_new_one_fails(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        document_id = await library.upload(LEAVE)
        await finished(library, worker, document_id)

        await library.change(document_id, b"\x00\x01\x02\xff\xfe\x00\x9c" * 400, 2)
        document = await finished(library, worker, document_id)

        assert (document.status, document.ready_version) == ("failed", 1)
        assert {chunk.version for chunk in await library.chunks(document_id)} == {1}

    async def test_overtaken_version_is_not_indexed(
        self,
        library: LibraryRows,
        worker: Worker,
        kinds: dict[str, JobKind],
        database: TestDatabase,
    ) -> None:
        document_id = await library.upload(LEAVE)
        first = await claimed(database)
        await library.change(document_id, b"The newer text.", 2)

        await kinds[INGEST_DOCUMENT].work(first)

        document = await library.document(document_id)
        assert document is not None
        assert (document.status, document.ready_version) == ("queued", None)
        assert (await finished(library, worker, document_id)).ready_version == 2


class TestFence:
    async def test_worker_that_lost_its_lease_commits_nothing(
        self, library: LibraryRows, kinds: dict[str, JobKind], database: TestDatabase
    ) -> None:
        document_id = await library.upload(LEAVE)
        stalled = await claimed(database)
        async with database.owner.begin() as connection:
            await connection.execute(text("update job set lease_until = now() - interval '1 s'"))
        successor = await claimed(database)

        with pytest.raises(jobs.FenceLostError):
            await kinds[INGEST_DOCUMENT].work(stalled)

        assert await library.chunks(document_id) == []
        await kinds[INGEST_DOCUMENT].work(successor)
        assert len(await library.chunks(document_id)) == 1

    @pytest.mark.parametrize("content", [LEAVE, b"%PDF-1.7 and then nothing of a pdf"])
    async def test_worker_that_stalled_leaves_the_end_of_another_as_it_is(
        self, library: LibraryRows, worker: Worker, database: TestDatabase, content: bytes
    ) -> None:
        is_pdf = content.startswith(b"%PDF")
        media_type = "application/pdf" if is_pdf else "text/plain"
        document_id = await library.upload(content, media_type=media_type)
        stale = await claimed(database)
        async with database.owner.begin() as connection:
            await connection.execute(text("update job set lease_until = now() - interval '1 s'"))
        before = await finished(library, worker, document_id)
        assert before.status == ("failed" if is_pdf else "ready")

        async with database.worker.begin(Scope(library.tenant_id)) as session:
            repository = IngestionRepository(session)
            assert await repository.begin(stale, BEGINNING) is None
            await repository.show_stage(stale, StageOfWork("embedding", 0.5, 1, 2, 3.0))

        after = await library.document(document_id)
        assert after is not None
        assert (after.status, after.progress) == (before.status, before.progress)
        assert (after.stage, after.chunks_done) == (before.stage, before.chunks_done)
        assert stale.attempt == 1

    async def test_job_that_ended_its_worker_three_times_is_parked(
        self, library: LibraryRows, worker: Worker, database: TestDatabase
    ) -> None:
        document_id = await library.upload(LEAVE)
        for _ in range(3):
            await claimed(database)
            async with database.owner.begin() as connection:
                await connection.execute(
                    text("update job set lease_until = now() - interval '1 s'")
                )

        document = await finished(library, worker, document_id)

        assert (document.status, document.error_code) == ("failed", "ingestion_failed")
        async with database.owner.connect() as connection:
            states = await connection.execute(text("select state from job"))
            assert states.scalars().all() == ["parked"]


class TestLongCommit:
    async def test_outlasts_lease_and_lock_timeout(
        self,
        library: LibraryRows,
        database: TestDatabase,
        originals: FakeOriginals,
        parsers: ParserPool,
        pipeline: Pipeline,
        space: EmbeddingSpaceRef,
    ) -> None:
        """The keeper of the lease must not wait for the row that the last transaction holds."""
        settings = DatabaseSettings.model_validate({"lock_timeout": 0.5})
        engine = create_engine(database.urls.worker, settings, application="test-impatient")
        transactions = Transactions(engine)
        kind = IngestDocument(transactions, originals, parsers, pipeline, space, 4)
        impatient = IngestionSettings(lease=timedelta(seconds=1.2))
        worker = Worker(transactions, {INGEST_DOCUMENT: kind}, impatient)
        document_id = await library.upload(LEAVE)
        async with database.owner.begin() as connection:
            for statement in SLOW_CHUNKS:
                await connection.execute(text(statement))
        try:
            assert await worker.run_one()
        finally:
            async with database.owner.begin() as connection:
                await connection.execute(text("drop function slow_chunk cascade"))
            await engine.dispose()

        document = await library.document(document_id)
        assert document is not None
        assert (document.status, document.ready_version) == ("ready", 1)


class TestPurge:
    async def test_deleted_document_leaves_nothing(
        self, library: LibraryRows, worker: Worker, originals: FakeOriginals
    ) -> None:
        kept = await library.upload(b"Another document about leave.", name="kept.txt")
        document_id = await library.upload(LEAVE)
        await finished(library, worker, kept)

        await library.delete(document_id)
        while await worker.run_one():
            pass

        assert await library.document(document_id) is None
        assert await library.count("chunk") == await library.count("chunk_vector") == 1
        assert list(originals.files.values()) == [b"Another document about leave."]
        assert await term_counts(library) == await recounted(library)

    async def test_document_deleted_while_it_is_read_is_not_indexed(
        self,
        library: LibraryRows,
        worker: Worker,
        kinds: dict[str, JobKind],
        database: TestDatabase,
    ) -> None:
        document_id = await library.upload(LEAVE)
        job = await claimed(database)
        await library.delete(document_id)

        await kinds[INGEST_DOCUMENT].work(job)
        while await worker.run_one():
            pass

        assert await library.count("chunk") == await library.count("document") == 0

    async def test_the_last_purges_side_by_side_take_the_collection_along(
        self, library: LibraryRows, worker: Worker, database: TestDatabase
    ) -> None:
        documents = [await library.upload(LEAVE, name=f"{number}.txt") for number in range(6)]
        for document_id in documents:
            await finished(library, worker, document_id)
        async with database.owner.begin() as connection:
            # Nothing of them is counted, so nothing else makes the purges wait for each other.
            await connection.execute(text("update document set words_counted = false"))
            await connection.execute(text("update collection set deleted_at = now()"))
        for document_id in documents:
            await library.delete(document_id)

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(_work_off(worker))

        assert await library.count("document") == await library.count("collection") == 0

    async def test_purge_of_a_living_document_does_nothing(
        self, library: LibraryRows, worker: Worker, database: TestDatabase
    ) -> None:
        document_id = await library.upload(LEAVE)
        await finished(library, worker, document_id)
        await library.delete(document_id)
        async with database.owner.begin() as connection:
            await connection.execute(text("update document set deleted_at = null"))

        await finished(library, worker, document_id)

        assert len(await library.chunks(document_id)) == 1


class TestCountWords:
    async def test_follows_a_rule_that_comes_and_goes(
        self, library: LibraryRows, worker: Worker
    ) -> None:
        document_id = await library.upload(LEAVE)
        await finished(library, worker, document_id)
        counted = await term_counts(library)
        assert counted

        for rule, expected in (("{}", {}), (None, counted)):
            async with library.database.owner.begin() as connection:
                await connection.execute(
                    text("update document set rule = cast(:rule as jsonb)"), {"rule": rule}
                )
            await library.enqueue(word_recount(library.tenant_id, document_id))
            await finished(library, worker, document_id)

            assert await term_counts(library) == expected
            assert await library.count("job") == 0


async def _work_off(worker: Worker) -> None:
    while await worker.run_one():
        pass


async def term_counts(library: LibraryRows) -> dict[int, int]:
    async with library.database.owner.connect() as connection:
        found = await connection.execute(
            text("select term, chunks from lex_term where chunks <> 0")
        )
        return dict(found.all())


async def recounted(library: LibraryRows) -> dict[int, int]:
    async with library.database.owner.connect() as connection:
        found = await connection.execute(
            text(
                "select cast(entry[1] as int) as term, count(*) from chunk_lex,"
                " regexp_matches(lex::text, '([0-9]+):', 'g') as entry group by 1"
            )
        )
        return dict(found.all())
