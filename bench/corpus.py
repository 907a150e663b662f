"""A corpus behind walls, written as the worker would, without its parsers; it can grow.

Half of the documents are one caller's, a tenth another's, and so on; the rest is nobody's of
these. Texts and vectors are made up, but lie in clusters as real ones do: what is measured is the
cost of finding, and how much is found.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx2
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.multiplying import multiply
from bench.texts import Writer
from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.app.tables import all_tables
from muniment.index.chunking import ChunkSpan
from muniment.index.folding import fold_tail, hold_postings
from muniment.index.lexical import LexicalModel
from muniment.index.repository import HeldDocument, IndexedChunk, IndexWriter
from muniment.index.settings import IndexKind, VectorSettings
from muniment.index.spaces import EmbeddingSpaceRef, ensure_space, find_space
from muniment.index.terms import TermAnalyzer, tenant_salt
from muniment.kit.ids import new_id
from muniment.library.models import Collection, Document, DocumentVersion
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Scope, Transactions
from tests.support.product_process import ProductProcess

SHARES = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
"""Each caller and what part of the corpus it may read."""

_CHUNKS_EACH = 5
_CHUNK_BYTES = 900
_DOCUMENTS_IN_COMMIT = 50
_FOLDED_AT_ONCE = 4000
_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who searches, with the collection that they own."""

    token: str
    name: str
    """The principal name that the walls know them by."""
    tenant_id: int
    user_id: UUID
    collection_id: UUID


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was written."""

    callers: Mapping[str, Caller]
    space: EmbeddingSpaceRef
    writer: "CorpusWriter"


class CorpusWriter:
    """Writes documents as they are after ingestion."""

    def __init__(self, space: EmbeddingSpaceRef) -> None:
        self._space = space
        self._writer = Writer(11)
        self._embedder = HashingEmbedder(HashingSettings())
        self._lexical = LexicalModel(TermAnalyzer())

    async def write(self, transactions: Transactions, caller: Caller, count: int) -> None:
        """Write documents into the caller's collection, some in each commit."""
        for first in range(0, count, _DOCUMENTS_IN_COMMIT):
            async with transactions.begin(None) as session:
                index = IndexWriter(session, self._space)
                for number in range(first, min(count, first + _DOCUMENTS_IN_COMMIT)):
                    document, version, chunks = await self._document(caller, number)
                    session.add(document)
                    await session.flush()
                    session.add(version)
                    await session.flush()
                    await index.replace(_held(document), chunks)

    async def _document(
        self, caller: Caller, number: int
    ) -> tuple[Document, DocumentVersion, list[IndexedChunk]]:
        topic = self._writer.topic()
        bodies = [self._writer.passage(topic, _CHUNK_BYTES) for _ in range(_CHUNKS_EACH)]
        text = "".join(bodies)
        shared = {"tenant_id": caller.tenant_id, "media_type": "text/plain", "size": len(text)}
        document = Document(
            **shared,
            id=new_id(),
            collection_id=caller.collection_id,
            name=f"{number:05}.txt",
            created_by=caller.user_id,
            status="ready",
            progress=1.0,
            ready_version=1,
            chunks=len(bodies),
            words_counted=True,
        )
        version = DocumentVersion(
            **shared,
            document_id=document.id,
            number=1,
            sha256=hashlib.sha256(text.encode()).digest(),
            original_key=f"bench/{document.id}",
            text=text,
            language=_LANGUAGE,
            created_by=caller.user_id,
        )
        return document, version, await self._chunks(caller, bodies)

    async def _chunks(self, caller: Caller, bodies: list[str]) -> list[IndexedChunk]:
        vectors = await self._embedder.embed(bodies)
        salt = tenant_salt(caller.tenant_id)
        chunks = []
        for ordinal, (body, vector) in enumerate(zip(bodies, vectors, strict=True)):
            start = ordinal * _CHUNK_BYTES
            span = ChunkSpan(start=start, end=start + len(body), page=None, headings=())
            terms = self._lexical.document_weights("", body, _LANGUAGE, salt)
            chunks.append(IndexedChunk(ordinal, span, body, vector, terms))
        return chunks


def _held(document: Document) -> HeldDocument:
    return HeldDocument(
        tenant_id=document.tenant_id,
        collection_id=document.collection_id,
        document_id=document.id,
        version=1,
        chunks=0,
        is_counted=False,
        is_open=True,
    )


async def write_corpus(product: ProductProcess, urls: EmbeddedUrls) -> Corpus:
    """Make the callers over HTTP; their collections are empty."""
    all_tables()  # known to the mapper before the first insert
    callers = {name: await _caller(product, urls, name) for name in (*SHARES, "others")}
    async with _owner(urls) as engine, Transactions(engine).begin(None) as session:
        space = await find_space(session, HashingEmbedder(HashingSettings()).identity)
    return Corpus(callers, space, CorpusWriter(space))


async def grow(corpus: Corpus, urls: EmbeddedUrls, before: int, after: int) -> None:
    """Write documents behind the API until there are so many chunks, all of them folded."""
    async with _owner(urls) as engine:
        await _drop_index(engine, corpus)
        transactions = Transactions(engine)
        rest = (after - before) // _CHUNKS_EACH
        for name, share in SHARES.items():
            count = _documents(after, share) - (_documents(before, share) if before else 0)
            rest -= count
            await corpus.writer.write(transactions, corpus.callers[name], count)
        await corpus.writer.write(transactions, corpus.callers["others"], rest)
        await _fold(transactions, corpus.callers["others"].tenant_id)
    await use_index(corpus, urls, "hnsw")


async def multiply_corpus(corpus: Corpus, urls: EmbeddedUrls) -> None:
    """Make it ten times as large by copying, with the index that is quick to build."""
    async with _owner(urls) as engine:
        await _drop_index(engine, corpus)
        await multiply(engine)
        await _fold(Transactions(engine), corpus.callers["others"].tenant_id)
    await use_index(corpus, urls, "ivfflat")


async def _drop_index(engine: AsyncEngine, corpus: Corpus) -> None:
    """Drop the vector index: one by one into it would take most of the time."""
    async with engine.begin() as connection:
        name = f"chunk_vector_space_{corpus.space.id}"
        await connection.exec_driver_sql(f"drop index if exists {name}")


async def use_index(corpus: Corpus, urls: EmbeddedUrls, kind: IndexKind) -> None:
    """Give the vectors an index of a kind, and the planner its statistics."""
    async with _owner(urls) as engine, engine.connect() as connection:
        identity = HashingEmbedder(HashingSettings()).identity
        assert await ensure_space(connection, identity, VectorSettings(index=kind)) == corpus.space
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.exec_driver_sql("vacuum analyze")


def _documents(chunks: int, share: float) -> int:
    return max(1, round(chunks * share / _CHUNKS_EACH))


async def _fold(transactions: Transactions, tenant_id: int) -> None:
    """Fold what waits, in turns with the product's own worker."""
    is_more_left = True
    while is_more_left:
        async with transactions.begin(Scope(tenant_id)) as session:
            if await hold_postings(session, tenant_id):
                is_more_left = (await fold_tail(session, tenant_id, _FOLDED_AT_ONCE)).is_more_left


@asynccontextmanager
async def _owner(urls: EmbeddedUrls) -> AsyncIterator[AsyncEngine]:
    patient = DatabaseSettings(statement_timeout=timedelta(minutes=30))
    engine = create_engine(urls.owner, patient, application="bench")
    try:
        yield engine
    finally:
        await engine.dispose()


async def _caller(product: ProductProcess, urls: EmbeddedUrls, user: str) -> Caller:
    token = await product.token(user, "member")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=product.address, headers=headers) as client:
        made = await client.post("/api/v1/collections", json={"name": user})
        collection_id = UUID(made.raise_for_status().json()["id"])
        profile = (await client.get("/api/v1/users/me")).raise_for_status().json()
    async with _owner(urls) as engine, Transactions(engine).begin(None) as session:
        collection = await session.get_one(Collection, collection_id)
    user_id = UUID(profile["id"])
    return Caller(token, f"user:{user_id}", collection.tenant_id, user_id, collection_id)
