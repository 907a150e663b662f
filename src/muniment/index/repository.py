"""The write side of the chunk index: the chunks of a document appear and vanish as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.index.chunking import ChunkSpan
from muniment.index.lexical import SparseTerms
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.index.sparsevec import sparsevec_text
from muniment.index.word_counts import ChunkTerms, WordCounter, terms_of
from muniment.ports.embedding import Vector

_BATCH = 512
"""Rows of one statement: bounds the memory of a large document's commit."""

_HEADING_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk with all that the index keeps of it."""

    ordinal: int
    span: ChunkSpan
    text: str
    embedding: Vector
    terms: SparseTerms


@dataclass(frozen=True, slots=True)
class ChunkOwner:
    """The version of a document that chunks belong to."""

    tenant_id: int
    document_id: UUID
    version: int


# Arrays instead of row after row: one round trip for a whole batch.
_INSERT_CHUNKS = text(
    """
    insert into chunk (document_id, tenant_id, version, ordinal, start_offset, end_offset, page,
                       headings, text)
    select :document_id, :tenant_id, :version, ordinal, start_offset, end_offset, page,
           coalesce(string_to_array(nullif(headings, ''), E'\\x1f'), '{}'), body
    from unnest(cast(:ordinals as int[]), cast(:starts as int[]), cast(:ends as int[]),
                cast(:pages as int[]), cast(:headings as text[]), cast(:bodies as text[]))
         as rows (ordinal, start_offset, end_offset, page, headings, body)
    returning id, ordinal
    """
)
_INSERT_VECTORS = text(
    """
    insert into chunk_vector (chunk_id, space, document_id, tenant_id, embedding)
    select chunk_id, :space, :document_id, :tenant_id, cast(embedding as halfvec)
    from unnest(cast(:chunk_ids as bigint[]), cast(:embeddings as text[]))
         as rows (chunk_id, embedding)
    """
)
_INSERT_LEX = text(
    """
    insert into chunk_lex (chunk_id, document_id, tenant_id, lex)
    select chunk_id, :document_id, :tenant_id, cast(lex as sparsevec)
    from unnest(cast(:chunk_ids as bigint[]), cast(:lex as text[])) as rows (chunk_id, lex)
    """
)
_DELETE = (
    text("delete from chunk_vector where document_id = :document_id"),
    text("delete from chunk where document_id = :document_id"),
)
_DELETE_LEX = text("delete from chunk_lex where document_id = :document_id returning lex::text")


class IndexWriter:
    """Writes and removes the chunks of documents, in the transaction of the caller."""

    def __init__(self, session: AsyncSession, space: EmbeddingSpaceRef) -> None:
        self._session = session
        self._space = space

    async def replace(self, owner: ChunkOwner, chunks: Sequence[IndexedChunk]) -> None:
        """Put these chunks in the place of all that the index holds of the document."""
        gone = await self._delete(owner.document_id)
        for first in range(0, len(chunks), _BATCH):
            await self._insert(owner, chunks[first : first + _BATCH])
        come = [chunk.terms.ids for chunk in chunks]
        await WordCounter(self._session).replace(owner.document_id, gone, come)

    async def remove(self, document_id: UUID) -> None:
        """Remove all that the index holds of a document, while its row is still there."""
        gone = await self._delete(document_id)
        await WordCounter(self._session).replace(document_id, gone, ())

    async def _delete(self, document_id: UUID) -> list[ChunkTerms]:
        """Delete the rows of a document and give the terms of each chunk that went."""
        values = {"document_id": document_id}
        for statement in _DELETE:
            await self._session.execute(statement, values)
        removed = (await self._session.execute(_DELETE_LEX, values)).scalars()
        return [terms_of(lex) for lex in removed]

    async def _insert(self, owner: ChunkOwner, chunks: Sequence[IndexedChunk]) -> None:
        whose = {"document_id": owner.document_id, "tenant_id": owner.tenant_id}
        inserted = await self._session.execute(
            _INSERT_CHUNKS,
            whose
            | {
                "version": owner.version,
                "ordinals": [chunk.ordinal for chunk in chunks],
                "starts": [chunk.span.start for chunk in chunks],
                "ends": [chunk.span.end for chunk in chunks],
                "pages": [chunk.span.page for chunk in chunks],
                "headings": [_HEADING_SEPARATOR.join(chunk.span.headings) for chunk in chunks],
                "bodies": [chunk.text for chunk in chunks],
            },
        )
        ids = {ordinal: chunk_id for chunk_id, ordinal in inserted}
        whose["chunk_ids"] = [ids[chunk.ordinal] for chunk in chunks]
        vectors = [halfvec_text(chunk.embedding) for chunk in chunks]
        await self._session.execute(
            _INSERT_VECTORS, whose | {"space": self._space.id, "embeddings": vectors}
        )
        lex = [sparsevec_text(chunk.terms) for chunk in chunks]
        await self._session.execute(_INSERT_LEX, whose | {"lex": lex})


def halfvec_text(vector: Vector) -> str:
    """Write a vector as pgvector reads it; five digits tell all half-precision numbers apart."""
    return "[" + ",".join(f"{value:.5g}" for value in np.asarray(vector, np.float16).tolist()) + "]"
