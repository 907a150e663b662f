"""The kinds of jobs: ingest a version, recount words, purge a document, purge an original.

Each opens short transactions of its own and holds none while it reads, parses or embeds. The last
commit of a job checks the fence and ends the job, so that whatever was killed before it leaves
nothing, and whatever comes after it finds nothing to do.
"""

from uuid import UUID

import structlog

from muniment.index.repository import IndexedChunk, IndexWriter
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.index.word_counts import change_counts, held_terms
from muniment.ingestion.orphan_repository import MISSING
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.pipeline import CutDocument, Pipeline
from muniment.ingestion.reporting import BEGINNING, Report
from muniment.ingestion.repository import (
    IngestionRepository,
    ReadVersion,
    VersionToIngest,
    target_of,
)
from muniment.ports.jobs import ClaimedJob, original_purge
from muniment.ports.originals import OriginalMissingError, Originals
from muniment.ports.parsing import ParseError
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)


class IngestDocument:
    """Reads one version of a document and puts its chunks in the place of the older ones."""

    def __init__(
        self,
        transactions: Transactions,
        originals: Originals,
        parsers: ParserPool,
        pipeline: Pipeline,
        space: EmbeddingSpaceRef,
        embedding_batch: int,
    ) -> None:
        self._transactions = transactions
        self._originals = originals
        self._parsers = parsers
        self._pipeline = pipeline
        self._space = space
        self._batch = embedding_batch

    async def work(self, job: ClaimedJob) -> None:
        """Ingest the version; one that cannot be read ends as failed, with the reason."""
        version = await self._begin(job)
        if version is None:
            return
        report = Report(self._transactions, job)
        try:
            document = await self._read(version, report)
        except ParseError as error:
            if error.code == "parser_crashed" and not job.last_attempt:
                # The child may have died of something that was not the document's fault.
                raise
            await self._end_failed(job, error.code, error.detail)
        except OriginalMissingError:
            await self._end_failed(job, *MISSING)
        else:
            await self._index(job, version, document, report)

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Mark the document as failed and park the job."""
        attempts = job.attempt - job.exhausted
        detail = f"Reading this document failed {attempts} times ({reason}). Try it again later."
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            document_id, number = target_of(job)
            repository = IngestionRepository(session)
            await repository.make_failed(document_id, number, "ingestion_failed", detail)
            await jobs.park(session, job, reason)

    async def _begin(self, job: ClaimedJob) -> VersionToIngest | None:
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            repository = IngestionRepository(session)
            version = await repository.begin(job, BEGINNING)
            if version is None:
                await jobs.finish(session, job)
        return version

    async def _read(self, version: VersionToIngest, report: Report) -> CutDocument:
        async with self._originals.local_file(version.original_key) as path:
            parsed = await self._parsers.parse(path.absolute(), version.media_type)
        await report.cutting(len(parsed.text))
        return await self._pipeline.cut(parsed, version.name, version.language)

    async def _index(
        self, job: ClaimedJob, version: VersionToIngest, document: CutDocument, report: Report
    ) -> None:
        chunks: list[IndexedChunk] = []
        total = len(document.spans)
        await report.embedding(0, total)
        async for batch in self._pipeline.index(document, job.tenant_id, self._batch):
            chunks += batch
            if len(chunks) < total:
                await report.embedding(len(chunks), total)
        await report.indexing(total)
        await self._switch(job, version, document, chunks)

    async def _switch(
        self,
        job: ClaimedJob,
        version: VersionToIngest,
        document: CutDocument,
        chunks: list[IndexedChunk],
    ) -> None:
        """Put the new chunks in the place of the old ones and end the job, in one commit."""
        parsers = await self._parsers.offer()
        read = ReadVersion(
            text=document.parsed.text,
            title=document.parsed.title,
            page_starts=document.parsed.page_starts,
            language=document.language,
            pipeline=f"{parsers.revision}, {self._pipeline.revision}",
        )
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            repository = IngestionRepository(session)
            held = await repository.hold(version.document_id, version.number)
            if held is not None:
                await repository.make_ready(held, read, len(chunks))
                await IndexWriter(session, self._space).replace(held, chunks)
            # Last, because it takes the job's row, and until then the lease is to be prolonged.
            await jobs.finish(session, job)
        _log.info("document_ready", document=str(version.document_id), chunks=len(chunks))

    async def _end_failed(self, job: ClaimedJob, code: str, detail: str) -> None:
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            await jobs.finish(session, job)
            await IngestionRepository(session).make_failed(*target_of(job), code, detail)
        _log.info("document_failed", document=job.payload["document_id"], code=code)


class CountWords:
    """Lets the word counts of a collection follow a document whose rule came or went."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def work(self, job: ClaimedJob) -> None:
        """Count the words or take them out, whichever the rule asks for by now."""
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            repository = IngestionRepository(session)
            held = await repository.hold_any(UUID(str(job.payload["document_id"])))
            if held is not None and held.is_counted != held.is_open:
                terms = await held_terms(session, held.document_id)
                gone, come = ((), terms) if held.is_open else (terms, ())
                await change_counts(session, held.collection_id, gone, come)
                await repository.mark_counted(held)
            await jobs.finish(session, job)

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Park the job; until it is done some words weigh a little too much or too little."""
        await _park(self._transactions, job, reason)


class PurgeDocument:
    """Removes what a deleted document has left: index entries, rows, then the stored bytes."""

    def __init__(
        self, transactions: Transactions, originals: Originals, space: EmbeddingSpaceRef
    ) -> None:
        self._transactions = transactions
        self._originals = originals
        self._space = space

    async def work(self, job: ClaimedJob) -> None:
        """Remove the rows in one commit, which also asks for the removal of each original."""
        document_id = UUID(str(job.payload["document_id"]))
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            repository = IngestionRepository(session)
            held = await repository.hold_deleted(document_id)
            if held is not None:
                keys = await repository.original_keys(document_id)
                await IndexWriter(session, self._space).remove(held)
                await repository.remove_deleted(document_id)
                await jobs.enqueue(session, [original_purge(job.tenant_id, key) for key in keys])
            await jobs.finish(session, job)

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Park the job; the document stays invisible."""
        await _park(self._transactions, job, reason)


class PurgeOriginal:
    """Removes the stored bytes of a version whose row is gone."""

    def __init__(self, transactions: Transactions, originals: Originals) -> None:
        self._transactions = transactions
        self._originals = originals

    async def work(self, job: ClaimedJob) -> None:
        """Remove the bytes, then the job: done twice, it removes nothing more."""
        await self._originals.delete(str(job.payload["key"]))
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            await jobs.finish(session, job)

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Park the job, for a person to look at the store of originals."""
        await _park(self._transactions, job, reason)


async def _park(transactions: Transactions, job: ClaimedJob, reason: str) -> None:
    _log.error("job_parked", reason=reason)
    async with transactions.begin(Scope(job.tenant_id)) as session:
        await jobs.park(session, job, reason)
