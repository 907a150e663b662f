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
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.postgres.fixed import FixedStatement

_TERM = re.compile(r"[{,](\d+):")

# In the order of the terms, so that two documents that share words wait for each other instead of
# locking each other out.
_ADD = text(
    """
    with terms as (
        insert into lex_term as counted (collection_id, term, chunks)
        select :collection_id, term, chunks
        from unnest(cast(:terms as int[]), cast(:counts as int[])) as rows (term, chunks)
        order by term
        on conflict (collection_id, term) do update set chunks = counted.chunks + excluded.chunks
    )
    insert into lex_total as counted (collection_id, chunks) values (:collection_id, :chunks)
    on conflict (collection_id) do update set chunks = counted.chunks + excluded.chunks
    """
)
_FORGET = text(
    """
    with total as (
        delete from lex_total where collection_id = :collection_id and chunks <= 0
    )
    delete from lex_term where collection_id = :collection_id
        and term = any(cast(:terms as int[])) and chunks <= 0
    """
)
_HELD = text("select lex::text from chunk_lex where document_id = :document_id")
_COUNTS = FixedStatement(
    text(
        """
        select term, cast(sum(chunks) as bigint) from lex_term
        where collection_id = any(cast(:collections as uuid[]))
          and term = any(cast(:terms as int[]))
        group by term
        """
    )
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
    values = {"collections": list(collections), "terms": list(terms)}
    rows = await _COUNTS.run(await session.connection(), values)
    return {int(term): int(chunks) for term, chunks in rows}


async def held_terms(session: AsyncSession, document_id: UUID) -> list[ChunkTerms]:
    """Read the terms of every chunk that the index holds of a document."""
    connection = await session.connection()
    rows = await connection.execute(_HELD, {"document_id": document_id})
    return [terms_of(lex) for lex in rows.scalars()]


async def change_counts(
    session: AsyncSession,
    collection_id: UUID,
    gone: Sequence[ChunkTerms],
    come: Sequence[ChunkTerms],
) -> None:
    """Take the words of some chunks out of the counts of a collection, and those of others in.

    Part of the transaction that changes what is counted, which holds the document's row.
    """
    if not gone and not come:
        return
    changes = _difference(gone, come)
    connection = await session.connection()
    values = {
        "collection_id": collection_id,
        "terms": list(changes),
        "counts": list(changes.values()),
        "chunks": len(come) - len(gone),
    }
    await connection.execute(_ADD, values)
    forgotten = [term for term, count in changes.items() if count < 0]
    if forgotten or len(gone) > len(come):
        await connection.execute(_FORGET, {"collection_id": collection_id, "terms": forgotten})


def _difference(gone: Iterable[ChunkTerms], come: Iterable[ChunkTerms]) -> Mapping[int, int]:
    counts: Counter[int] = Counter()
    for terms in come:
        counts.update(terms)
    for terms in gone:
        counts.subtract(terms)
    return {term: count for term, count in counts.items() if count}
