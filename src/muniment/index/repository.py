"""The write side of the chunk index: the chunks of a document appear and vanish as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.index.chunking import ChunkSpan
from muniment.index.lexical import SparseTerms
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.index.sparsevec import sparsevec_text
from muniment.index.word_counts import ChunkTerms, change_counts, terms_of
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
    states: bytes | None = None
    """The packed states of its words, where they are kept."""


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A document whose row is locked until the end of the transaction."""

    tenant_id: int
    collection_id: UUID
    document_id: UUID
    version: int
    """Number of its newest version."""
    chunks: int
    """How many chunks the index holds of it by now."""
    is_counted: bool
    """Whether their words are in the counts of the collection."""
    is_open: bool
    """Whether they are to be: it has no access rule."""


# Arrays instead of row after row, and all tables at once: one round trip for a whole batch.
_INSERT = text(
    """
    with rows as (
        select * from unnest(
            cast(:ordinals as int[]), cast(:starts as int[]), cast(:ends as int[]),
            cast(:pages as int[]), cast(:headings as text[]), cast(:bodies as text[]),
            cast(:embeddings as text[]), cast(:lex as text[]), cast(:states as bytea[])
        ) as r (ordinal, start_offset, end_offset, page, headings, body, embedding, lex, states)
    ), written as (
        insert into chunk (document_id, tenant_id, version, ordinal, start_offset, end_offset, page,
                           headings, text)
        select :document_id, :tenant_id, :version, ordinal, start_offset, end_offset, page,
               coalesce(string_to_array(nullif(headings, ''), E'\\x1f'), '{}'), body
        from rows returning id, ordinal
    ), embedded as (
        insert into chunk_vector (chunk_id, space, document_id, tenant_id, embedding)
        select id, :space, :document_id, :tenant_id, cast(embedding as halfvec)
        from written join rows using (ordinal)
    ), waiting as (
        insert into lex_tail (tenant_id, chunk_id) select :tenant_id, id from written
    ), states as (
        insert into chunk_states (chunk_id, space, states)
        select id, :space, states from written join rows using (ordinal) where states is not null
    )
    insert into chunk_lex (chunk_id, document_id, tenant_id, lex)
    select id, :document_id, :tenant_id, cast(lex as sparsevec)
    from written join rows using (ordinal)
    """
)
_DELETE = text(
    """
    with states as (
             delete from chunk_states
             where chunk_id in (select id from chunk where document_id = :document_id)
         ),
         vectors as (delete from chunk_vector where document_id = :document_id),
         texts as (delete from chunk where document_id = :document_id)
    delete from chunk_lex where document_id = :document_id returning lex::text
    """
)


class IndexWriter:
    """Writes and removes the chunks of held documents, in the transaction of the caller."""

    def __init__(self, session: AsyncSession, space: EmbeddingSpaceRef) -> None:
        self._session = session
        self._space = space

    async def replace(self, document: HeldDocument, chunks: Sequence[IndexedChunk]) -> None:
        """Put these chunks in the place of all that the index holds of the document.

        The caller writes into the document's row how many there are, and whether they are counted.
        """
        gone = await self._delete(document)
        for first in range(0, len(chunks), _BATCH):
            await self._insert(document, chunks[first : first + _BATCH])
        come = [chunk.terms.ids for chunk in chunks]
        await change_counts(
            self._session,
            document.collection_id,
            gone if document.is_counted else (),
            come if document.is_open else (),
        )

    async def remove(self, document: HeldDocument) -> None:
        """Remove all that the index holds of a document."""
        gone = await self._delete(document)
        if document.is_counted:
            await change_counts(self._session, document.collection_id, gone, ())

    async def _delete(self, document: HeldDocument) -> list[ChunkTerms]:
        """Delete the rows of a document and give the terms of each chunk that went."""
        if not document.chunks:
            return []
        connection = await self._session.connection()
        removed = await connection.execute(_DELETE, {"document_id": document.document_id})
        return [terms_of(lex) for lex in removed.scalars()]

    async def _insert(self, document: HeldDocument, chunks: Sequence[IndexedChunk]) -> None:
        connection = await self._session.connection()
        await connection.execute(
            _INSERT,
            {
                "document_id": document.document_id,
                "tenant_id": document.tenant_id,
                "version": document.version,
                "space": self._space.id,
                "ordinals": [chunk.ordinal for chunk in chunks],
                "starts": [chunk.span.start for chunk in chunks],
                "ends": [chunk.span.end for chunk in chunks],
                "pages": [chunk.span.page for chunk in chunks],
                "headings": [_HEADING_SEPARATOR.join(chunk.span.headings) for chunk in chunks],
                "bodies": [chunk.text for chunk in chunks],
                "embeddings": [halfvec_text(chunk.embedding) for chunk in chunks],
                "lex": [sparsevec_text(chunk.terms) for chunk in chunks],
                "states": [chunk.states for chunk in chunks],
            },
        )


def halfvec_text(vector: Vector) -> str:
    """Write a vector as pgvector reads it, rounded to half precision first."""
    rounded = np.asarray(vector, np.float16).astype(np.float32)
    return orjson.dumps(rounded, option=orjson.OPT_SERIALIZE_NUMPY).decode()
