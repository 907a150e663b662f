"""In how many chunks of a collection each term stands: kept by the worker, read by the search.

Rare words weigh more in BM25, so a score tells how rare a word is. It may therefore depend on
nothing but what its reader may read. A collection counts the words of its *open* documents, those
without an access rule, which everybody with a grant may read; a search adds up the counts of the
collections in which its caller holds one. Counts of a whole tenant, even blurred, would let
somebody who adds documents of their own find the words of others' hidden ones.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.library.models import Document

_TERM = re.compile(r"[{,](\d+):")

# In the order of the terms, so that two documents that share words wait for each other instead of
# locking each other out.
_ADD = text(
    """
    insert into lex_term as counted (collection_id, term, chunks)
    select :collection_id, term, chunks
    from unnest(cast(:terms as int[]), cast(:counts as int[])) as rows (term, chunks) order by term
    on conflict (collection_id, term) do update set chunks = counted.chunks + excluded.chunks
    """
)
_FORGET = text(
    "delete from lex_term where collection_id = :collection_id"
    " and term = any(cast(:terms as int[])) and chunks <= 0"
)
_ADD_CHUNKS = text(
    """
    insert into lex_total as counted (collection_id, chunks) values (:collection_id, :chunks)
    on conflict (collection_id) do update set chunks = counted.chunks + excluded.chunks
    """
)
_HELD = text("select lex::text from chunk_lex where document_id = :document_id")
_COUNTS = text(
    """
    select term, sum(chunks)::bigint from lex_term
    where collection_id = any(cast(:collections as uuid[])) and term = any(cast(:terms as int[]))
    group by term
    """
)

ChunkTerms = Sequence[int]
"""The ids of the terms of one chunk, each once."""


def terms_of(lex: str) -> ChunkTerms:
    """Read the ids of the terms out of a sparsevec in its text form."""
    return [int(term) for term in _TERM.findall(lex)]


async def document_frequencies(
    session: AsyncSession, collections: Sequence[UUID], terms: Sequence[int]
) -> Mapping[int, int]:
    """Count the chunks of some collections that hold each of the terms."""
    connection = await session.connection()
    values = {"collections": list(collections), "terms": list(terms)}
    return dict((await connection.execute(_COUNTS, values)).all())


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a document stands to the counts of its collection."""

    collection_id: UUID
    is_counted: bool
    """Whether its words are in the counts now."""
    is_open: bool
    """Whether they are to be."""


class WordCounter:
    """Keeps the counts true, in the transaction that changes what they count."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replace(
        self, document_id: UUID, gone: Sequence[ChunkTerms], come: Sequence[ChunkTerms]
    ) -> None:
        """Take the words of removed chunks out, and those of new ones in if they are to count."""
        standing = await self._hold(document_id)
        if standing is None:
            return
        subtracted = gone if standing.is_counted else ()
        added = come if standing.is_open else ()
        await self._change(standing.collection_id, subtracted, added)
        await self._mark(document_id, standing)

    async def settle(self, document_id: UUID) -> None:
        """Count the words of a document or take them out, after its rule came or went."""
        standing = await self._hold(document_id)
        if standing is None or standing.is_counted == standing.is_open:
            return
        rows = (await self._session.execute(_HELD, {"document_id": document_id})).scalars()
        held = [terms_of(lex) for lex in rows]
        subtracted, added = ((), held) if standing.is_open else (held, ())
        await self._change(standing.collection_id, subtracted, added)
        await self._mark(document_id, standing)

    async def _hold(self, document_id: UUID) -> _Standing | None:
        found = await self._session.execute(
            select(Document.collection_id, Document.words_counted, Document.rule.is_(None))
            .where(Document.id == document_id)
            .with_for_update()
        )
        row: Row[UUID, bool, bool] | None = found.one_or_none()
        return None if row is None else _Standing(*row)

    async def _mark(self, document_id: UUID, standing: _Standing) -> None:
        if standing.is_counted != standing.is_open:
            await self._session.execute(
                update(Document)
                .where(Document.id == document_id)
                .values(words_counted=standing.is_open)
            )

    async def _change(
        self,
        collection_id: UUID,
        gone: Sequence[ChunkTerms],
        come: Sequence[ChunkTerms],
    ) -> None:
        changes = _difference(gone, come)
        if changes:
            values = {
                "collection_id": collection_id,
                "terms": list(changes),
                "counts": list(changes.values()),
            }
            await self._session.execute(_ADD, values)
        forgotten = [term for term, count in changes.items() if count < 0]
        if forgotten:
            values = {"collection_id": collection_id, "terms": forgotten}
            await self._session.execute(_FORGET, values)
        if len(come) != len(gone):
            values = {"collection_id": collection_id, "chunks": len(come) - len(gone)}
            await self._session.execute(_ADD_CHUNKS, values)


def _difference(gone: Iterable[ChunkTerms], come: Iterable[ChunkTerms]) -> Mapping[int, int]:
    counts: Counter[int] = Counter()
    for terms in come:
        counts.update(terms)
    for terms in gone:
        counts.subtract(terms)
    return {term: count for term, count in counts.items() if count}
