"""Tables of the chunk index (see docs/decisions/0007 and `index/search_statements.py`).

The text of chunks stands behind row-level security. The two arms of the search have tables of
their own without text, so that a scan of one arm reads half the bytes; they hold ids and numbers
only and are reached through documents that the caller may see.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from muniment.index.types import HalfVec, SparseVec
from muniment.postgres.base import Base


class EmbeddingSpace(Base):
    """Embedder, dimension, metric and revision: vectors may be compared within one space only."""

    __tablename__ = "embedding_space"
    __table_args__ = (UniqueConstraint("embedder", "dimension", "metric", "revision"),)

    id: Mapped[int] = mapped_column(SmallInteger, Identity(always=True), primary_key=True)
    embedder: Mapped[str]
    dimension: Mapped[int] = mapped_column(Integer)
    metric: Mapped[str]
    revision: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Chunk(Base):
    """A slice `[start, end)` of a version's canonical text, in code points."""

    __tablename__ = "chunk"
    __table_args__ = (UniqueConstraint("document_id", "version", "ordinal"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id", ondelete="CASCADE"))
    tenant_id: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)
    ordinal: Mapped[int] = mapped_column(Integer)
    start: Mapped[int] = mapped_column("start_offset", Integer)
    end: Mapped[int] = mapped_column("end_offset", Integer)
    page: Mapped[int | None] = mapped_column(Integer)
    headings: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    text: Mapped[str]


class ChunkVector(Base):
    """The dense arm: one vector for each chunk and space; each space has a partial index."""

    __tablename__ = "chunk_vector"
    __table_args__ = (Index("chunk_vector_document_id_idx", "document_id"),)

    chunk_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space: Mapped[int] = mapped_column(
        SmallInteger,
        ForeignKey("embedding_space.id", ondelete="RESTRICT"),
        primary_key=True,
        autoincrement=False,
    )
    document_id: Mapped[UUID]
    tenant_id: Mapped[int] = mapped_column(Integer)
    embedding: Mapped[str] = mapped_column(HalfVec())


class ChunkStates(Base):
    """Late interaction: the packed states of a chunk's words in a space (index/token_states.py).

    Apart from the vectors, whose scans would read several times the bytes.
    """

    __tablename__ = "chunk_states"

    # No foreign key, like the arms: rows go with the chunk's, in the same statement.
    chunk_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    states: Mapped[bytes] = mapped_column(LargeBinary)


class ChunkLex(Base):
    """The lexical arm: the term-frequency part of BM25F; the query brings what the corpus adds."""

    __tablename__ = "chunk_lex"
    __table_args__ = (Index("chunk_lex_document_id_idx", "document_id"),)

    chunk_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    document_id: Mapped[UUID]
    tenant_id: Mapped[int] = mapped_column(Integer)
    lex: Mapped[str] = mapped_column(SparseVec())


class LexTerm(Base):
    """In how many chunks of a collection a term stands, not counting documents with a rule."""

    __tablename__ = "lex_term"

    # No foreign key: checking it would cost more than the count itself, and would wait for whoever
    # deletes the collection, which is removed after its last document with the last word.
    collection_id: Mapped[UUID] = mapped_column(primary_key=True)
    term: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    chunks: Mapped[int] = mapped_column(Integer)


class LexTotal(Base):
    """How many chunks of a collection are counted in `lex_term`."""

    __tablename__ = "lex_total"

    collection_id: Mapped[UUID] = mapped_column(primary_key=True)
    chunks: Mapped[int] = mapped_column(BigInteger)


class LexTail(Base):
    """A chunk that the packed postings do not hold yet: searches compare it by itself.

    Written with the chunk and removed by the fold alone. What is left of a chunk that was deleted
    meanwhile does no harm and goes with the next fold.
    """

    __tablename__ = "lex_tail"

    tenant_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    chunk_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class LexBlock(Base):
    """Packed postings: some of the chunks that hold a term, and how much (index/postings.py)."""

    __tablename__ = "lex_block"

    tenant_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    term: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    segment: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Counted from zero; only the last one of a term is added to."""
    first: Mapped[int] = mapped_column("first_chunk", BigInteger)
    """The chunk that the ids are counted from."""
    count: Mapped[int] = mapped_column("postings", Integer)
    chunks: Mapped[bytes] = mapped_column(LargeBinary)
    impacts: Mapped[bytes] = mapped_column(LargeBinary)


class LexFold(Base):
    """How far the postings of a tenant are: what the chores and the search ask for."""

    __tablename__ = "lex_fold"

    tenant_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    chunks: Mapped[int] = mapped_column(BigInteger)
    """How many chunks the postings speak of, those included that are gone by now."""
    cleaned_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When the last pass began that dropped what is gone."""
