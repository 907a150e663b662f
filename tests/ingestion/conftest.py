"""A worker on the test database, with the hashing embedder and real parsers."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.index.chunking import ChunkingSettings
from muniment.index.language import LanguageDetector
from muniment.index.lexical import LexicalModel
from muniment.index.settings import VectorSettings
from muniment.index.spaces import EmbeddingSpaceRef, ensure_space
from muniment.index.terms import TermAnalyzer
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.pipeline import Pipeline
from muniment.ingestion.settings import IngestionSettings
from muniment.ingestion.tasks import CountWords, IngestDocument, PurgeDocument, PurgeOriginal
from muniment.ingestion.worker import JobKind, Worker
from muniment.ports.jobs import COUNT_WORDS, INGEST_DOCUMENT, PURGE_DOCUMENT, PURGE_ORIGINAL
from muniment.postgres.jobs import Backoff
from tests.support.database import TestDatabase
from tests.support.fake_originals import FakeOriginals
from tests.support.library_rows import LibraryRows

SETTINGS = IngestionSettings(poll_interval=timedelta(milliseconds=50), embedding_batch=4)


@pytest.fixture(scope="session")
async def parsers() -> AsyncIterator[ParserPool]:
    pool = ParserPool(ParsingSettings(time_limit=timedelta(seconds=20)))
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline(
        HashingEmbedder(HashingSettings()),
        LanguageDetector(),
        LexicalModel(TermAnalyzer()),
        ChunkingSettings(),
    )


@pytest.fixture
def originals() -> FakeOriginals:
    return FakeOriginals()


@pytest.fixture
async def space(database: TestDatabase) -> EmbeddingSpaceRef:
    identity = HashingEmbedder(HashingSettings()).identity
    async with database.owner.connect() as connection:
        return await ensure_space(connection, identity, VectorSettings())


@pytest.fixture
async def library(database: TestDatabase, originals: FakeOriginals) -> LibraryRows:
    return await LibraryRows.create(database, originals)


@pytest.fixture
def kinds(
    database: TestDatabase,
    originals: FakeOriginals,
    parsers: ParserPool,
    pipeline: Pipeline,
    space: EmbeddingSpaceRef,
) -> dict[str, JobKind]:
    worker, batch = database.worker, SETTINGS.embedding_batch
    return {
        INGEST_DOCUMENT: IngestDocument(worker, originals, parsers, pipeline, space, batch),
        COUNT_WORDS: CountWords(worker),
        PURGE_DOCUMENT: PurgeDocument(worker, originals, space),
        PURGE_ORIGINAL: PurgeOriginal(worker, originals),
    }


@pytest.fixture
def worker(database: TestDatabase, kinds: dict[str, JobKind]) -> Worker:
    return Worker(database.worker, kinds, SETTINGS, Backoff(first=timedelta(0)))
