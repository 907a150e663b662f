"""The statements of the search, shaped so that every plan is the right one without a choice.

Each shape was measured on 100,000 and on a million chunks behind walls. Whatever looks roundabout
here keeps the planner from a plan that costs up to a hundred times more:

* `(… <#> q) + 0` keeps the approximate index out of an exact scan.
* `join lateral (… offset 0)` checks a document by its key, for each neighbour that the index
  gives, instead of listing all permitted documents first.
* `any(array(select …))` evaluates the permitted ids once and then goes through the index on them.
* No table is read whole and no second process is started. What the walls let through depends on the
  caller's grants, which the planner cannot know: in a tenant with five collections it expects nine
  documents in ten, and reads them all for a caller who may see one in a thousand.

Dimension and space stand literally in the text, because the partial index of the space is only
used when they do; so do the depths, because a generic plan knows nothing about a parameter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    Select,
    SQLColumnExpression,
    Subquery,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    true,
    union,
)
from sqlalchemy.sql.selectable import LateralFromClause

from muniment.index.models import ChunkLex, ChunkVector, LexTail
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.index.types import HalfVec, SparseVec
from muniment.library.models import Document
from muniment.ports.vectors import Mode

OPENING = text(
    """
    select set_config('plan_cache_mode', 'force_generic_plan', true),
           set_config('enable_seqscan', 'off', true),
           set_config('max_parallel_workers_per_gather', '0', true),
           set_config('hnsw.iterative_scan', 'relaxed_order', true),
           set_config('hnsw.ef_search', :effort, true),
           set_config('ivfflat.iterative_scan', 'relaxed_order', true),
           set_config('ivfflat.probes', :probes, true)
    """
)
"""Settings that end with the transaction; those of both kinds of index, whichever there is."""


def probe(reachable: ColumnElement[bool], limit: int) -> Select[UUID, int]:
    """Select permitted documents up to a limit: their number says how wide the search is."""
    wanted = select(Document.id, Document.chunks).where(reachable)
    return wanted.limit(_literal(limit))


def exceeds(chunks: int, reachable: ColumnElement[bool]) -> Select[int]:
    """Select one row if more than so many chunks are permitted, and stop counting there."""
    running = func.sum(Document.chunks, type_=Integer()).over(rows=(None, 0))
    counted = select(running.label("chunks")).where(reachable).subquery("counted")
    return select(_literal(1)).where(counted.c.chunks > _literal(chunks)).limit(_literal(1))


@dataclass(frozen=True, slots=True)
class CandidateStatements:
    """Makes the statements that find candidates in one embedding space."""

    space: EmbeddingSpaceRef

    def narrow(self, mode: Mode, depth: int) -> Select[int, UUID, float | None, float | None]:
        """Compare every chunk of the documents given as the parameter `documents`."""
        documents = bindparam("documents", type_=ARRAY(Uuid()))
        dense = self._nearest_of(documents, depth)
        return self._scored(mode, dense, _best_lexical(documents, depth))

    def chosen(self, mode: Mode) -> Select[int, UUID, float | None, float | None]:
        """Score the chunks in the parameters `nearest` and `worded`, which were checked before."""
        return self._scored(mode, _given("nearest"), _given("worded"))

    def exact(
        self, mode: Mode, depth: int, reachable: ColumnElement[bool]
    ) -> Select[int, UUID, float | None, float | None]:
        """Compare every permitted chunk, however many: what the indexes are measured against."""
        documents = _ids_of(reachable)
        dense = self._nearest_of(documents, depth)
        return self._scored(mode, dense, _best_lexical(documents, depth))

    def nearest(self, depth: int, reachable: ColumnElement[bool]) -> Select[int]:
        """Ask the approximate index for permitted neighbours, in the parameter `tenant`.

        It may run dry long before: where many equal vectors of others lie around the question, they
        are each other's only neighbours, and no effort leads past them.
        """
        return self._nearest(depth, reachable)

    def nearest_exactly(self, depth: int, reachable: ColumnElement[bool]) -> Select[int]:
        """Compare every permitted vector: where they are few, or when the index has run dry."""
        return self._nearest_of(_ids_of(reachable), depth)

    @property
    def _distance(self) -> ColumnElement[float]:
        return distance_in(self.space)

    @property
    def _in_space(self) -> ColumnElement[bool]:
        return is_in(self.space)

    def _nearest_of(self, documents: ColumnElement[Sequence[UUID]], depth: int) -> Select[int]:
        return (
            select(ChunkVector.chunk_id)
            .where(ChunkVector.document_id == any_(documents), self._in_space)
            .order_by(self._distance + _literal(0))
            .limit(_literal(depth))
        )

    def _nearest(self, depth: int, reachable: ColumnElement[bool]) -> Select[int]:
        permitted = (
            select(_literal(1))
            .select_from(Document)
            .where(Document.id == ChunkVector.document_id, reachable)
            .offset(_literal(0))
            .correlate(ChunkVector)
            .lateral("permitted")
        )
        return (
            select(ChunkVector.chunk_id)
            .join(permitted, true())
            .where(self._in_space, ChunkVector.tenant_id == _tenant())
            .order_by(self._distance)
            .limit(_literal(depth))
        )

    def _scored(
        self, mode: Mode, dense: Select[int], lexical: Select[int]
    ) -> Select[int, UUID, float | None, float | None]:
        """Give every chunk that an arm found with its true score in each arm of the mode."""
        cosine = -(self._distance + _literal(0))
        nothing: ColumnElement[float | None] = literal_column("null::float8", Float())
        match mode:
            case "dense":
                found = dense.subquery("found")
                return select(ChunkVector.chunk_id, ChunkVector.document_id, cosine, nothing).join(
                    found, (found.c.chunk_id == ChunkVector.chunk_id) & self._in_space
                )
            case "lexical":
                return _from_terms(lexical.subquery("found"), nothing)
            case "hybrid":
                found = union(_ids(dense, "dense"), _ids(lexical, "lexical")).subquery("found")
                return _from_terms(found, cosine).outerjoin(
                    ChunkVector, (ChunkVector.chunk_id == ChunkLex.chunk_id) & self._in_space
                )
            case _:
                assert_never(mode)


def tail(depth: int, reachable: ColumnElement[bool]) -> Select[int, float]:
    """Select the best permitted chunks of what is not folded yet."""
    lex = _lex_by_key(LexTail.chunk_id)
    distance = lex.c.lex.op("<#>", return_type=Float())(_terms()).label("distance")
    worded = (
        select(LexTail.chunk_id, lex.c.document_id, distance)
        .join(lex, true())
        .where(LexTail.tenant_id == _tenant())
    )
    return _first_permitted(worded, depth, reachable)


def checked(depth: int, reachable: ColumnElement[bool]) -> Select[int, float]:
    """Select the best permitted chunks of those in the parameter `found`."""
    distance = _term_distance().label("distance")
    found = bindparam("found", type_=ARRAY(BigInteger()))
    worded = select(ChunkLex.chunk_id, ChunkLex.document_id, distance).where(
        ChunkLex.chunk_id == any_(found)
    )
    return _first_permitted(worded, depth, reachable)


def permitted_chunks(reachable: ColumnElement[bool]) -> Select[bytes | None]:
    """Select the ids of all permitted chunks, packed into one value: a list would be slow."""
    packed = func.string_agg(
        func.int8send(ChunkLex.chunk_id), literal_column("''::bytea"), type_=LargeBinary()
    )
    return select(packed).where(ChunkLex.document_id == any_(_ids_of(reachable)))


def _first_permitted(
    worded: Select[int, UUID, float], depth: int, reachable: ColumnElement[bool]
) -> Select[int, float]:
    """Go through chunks from the best on, check each by its document, and end when it is enough.

    The inner offset keeps the condition on the distance outside, where it is not computed again.
    """
    best_first = worded.order_by(literal_column("distance")).offset(_literal(0))
    ordered = best_first.subquery("worded")
    permitted = (
        select(_literal(1))
        .select_from(Document)
        .where(Document.id == ordered.c.document_id, reachable)
        .offset(_literal(0))
        .correlate(ordered)
        .lateral("permitted")
    )
    return (
        select(ordered.c.chunk_id, ordered.c.distance)
        .join(permitted, true())
        .where(ordered.c.distance < _literal(0))
        .order_by(ordered.c.distance)
        .limit(_literal(depth))
    )


def _lex_by_key(chunk_id: SQLColumnExpression[int]) -> LateralFromClause:
    return (
        select(ChunkLex.document_id, ChunkLex.lex)
        .where(ChunkLex.chunk_id == chunk_id)
        .offset(_literal(0))
        .lateral("lex")
    )


def _given(name: str) -> Select[int]:
    given = bindparam(name, type_=ARRAY(BigInteger()))
    return select(func.unnest(given, type_=BigInteger()).label("chunk_id"))


def distance_in(space: EmbeddingSpaceRef) -> ColumnElement[float]:
    """Give how far a vector lies from the parameter `vector`, as the index of the space has it."""
    column: ColumnElement[str] = literal_column(
        f"(chunk_vector.embedding::halfvec({space.dimension:d}))"
    )
    vector = bindparam("vector", type_=HalfVec())
    return column.op("<#>", return_type=Float())(vector)


def is_in(space: EmbeddingSpaceRef) -> ColumnElement[bool]:
    """Tell whether a vector is of a space."""
    return ChunkVector.space == _literal(space.id)


def _from_terms(
    found: Subquery, cosine: ColumnElement[float | None] | ColumnElement[float]
) -> Select[int, UUID, float | None, float | None]:
    return (
        select(ChunkLex.chunk_id, ChunkLex.document_id, cosine, -_term_distance())
        .select_from(ChunkLex)
        .join(found, found.c.chunk_id == ChunkLex.chunk_id)
    )


def _best_lexical(documents: ColumnElement[Sequence[UUID]], depth: int) -> Select[int]:
    """Select the chunks with the best matching words; one without any is no match at all."""
    distance = _term_distance().label("distance")
    best = (
        select(ChunkLex.chunk_id, distance)
        .where(ChunkLex.document_id == any_(documents))
        .order_by(distance)
        .limit(_literal(depth))
        .subquery("best")
    )
    return select(best.c.chunk_id).where(best.c.distance < _literal(0))


def _term_distance() -> ColumnElement[float]:
    return ChunkLex.lex.op("<#>", return_type=Float())(_terms())


def _terms() -> ColumnElement[str]:
    return bindparam("terms", type_=SparseVec())


def _tenant() -> ColumnElement[int]:
    return bindparam("tenant", type_=Integer())


def _ids_of(reachable: ColumnElement[bool]) -> ColumnElement[Sequence[UUID]]:
    permitted = select(Document.id).where(reachable).scalar_subquery()
    return func.array(permitted, type_=ARRAY(Uuid()))


def _ids(arm: Select[int], name: str) -> Select[int]:
    return select(arm.cte(name).c.chunk_id)


def _literal(number: int) -> ColumnElement[int]:
    return literal_column(f"{number:d}")
