"""In how many chunks of a tenant the words of a question stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TOTAL = 0
"""Stands for the tenant's chunks among the term ids, which begin at one."""

_COUNTS = text(
    """
    select term, chunks::bigint from lex_term
    where tenant_id = :tenant_id and term = any(cast(:terms as int[]))
    union all
    select 0, chunks from lex_total where tenant_id = :tenant_id
    """
)


@dataclass(frozen=True, slots=True)
class TermCounts:
    """Counts over the whole tenant: never to be shown, and blurred before they become weights."""

    df: Mapping[int, int]
    chunks: int


async def count_terms(session: AsyncSession, tenant_id: int, terms: Sequence[int]) -> TermCounts:
    """Count the chunks of a tenant that hold each of the terms, and all of its chunks."""
    connection = await session.connection()
    rows = await connection.execute(_COUNTS, {"tenant_id": tenant_id, "terms": list(terms)})
    counts: dict[int, int] = dict(rows.all())
    return TermCounts(df=counts, chunks=counts.pop(_TOTAL, 0))
