"""Statements of the fold: from the tail into the packed postings, and out of them what is gone.

Whoever changes the postings of a tenant holds its lock, to the end of the transaction. Searches
hold none: they read the tail first and the postings afterwards, so that a chunk that is folded
between the two is met twice rather than never.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from muniment.index.postings import Block, Ids, LastSegment, Postings, cleaned

_LOCK_CLASS = 0x6C657862
"""The first half of the advisory lock's key, so that it meets nobody else's."""

_LOCK = text("select pg_try_advisory_xact_lock(:kind, :tenant_id)")
_TAIL = text(
    """
    select t.chunk_id, k.lex from (
        select chunk_id from lex_tail where tenant_id = :tenant_id order by chunk_id limit :most
    ) t left join lateral (
        select sparsevec_send(lex) as lex from chunk_lex where chunk_id = t.chunk_id offset 0
    ) k on true order by t.chunk_id
    """
)
_LAST = text(
    """
    select distinct on (term) term, segment, first_chunk, postings from lex_block
    where tenant_id = :tenant_id and term = any(cast(:terms as int[]))
    order by term, segment desc
    """
)
# In the order of the key, as the index has it. The two ends meet on the server: what is there is
# not read to be added to.
_ADD = text(
    """
    insert into lex_block as held
        (tenant_id, term, segment, first_chunk, postings, chunks, impacts)
    select :tenant_id, r.* from unnest(
        cast(:terms as int[]), cast(:segments as int[]), cast(:firsts as bigint[]),
        cast(:counts as int[]), cast(:chunks as bytea[]), cast(:impacts as bytea[])
    ) as r (term, segment, first_chunk, postings, chunks, impacts)
    on conflict (tenant_id, term, segment) do update set
        postings = held.postings + excluded.postings,
        chunks = held.chunks || excluded.chunks,
        impacts = held.impacts || excluded.impacts
    """
)
_STRIKE_OUT = text(
    "delete from lex_tail where tenant_id = :tenant_id and chunk_id = any(cast(:ids as bigint[]))"
)
_NOTE = text(
    """
    insert into lex_fold as held (tenant_id, chunks) values (:tenant_id, :chunks)
    on conflict (tenant_id) do update set chunks = held.chunks + excluded.chunks
    """
)
_TERMS_AFTER = text(
    """
    select term, cast(sum(postings) as bigint) from lex_block
    where tenant_id = :tenant_id and term > :after group by term order by term limit :most
    """
)
_BLOCKS = text(
    """
    select term, segment, first_chunk, postings, chunks, impacts from lex_block
    where tenant_id = :tenant_id and term > :after and term <= :until order by term, segment
    """
)
_ALIVE = text(
    """
    select string_agg(int8send(chunk_id), cast('' as bytea)) from chunk_lex
    where chunk_id = any(cast(:ids as bigint[]))
    """
)
_REMOVE = text(
    "delete from lex_block where tenant_id = :tenant_id and term = any(cast(:terms as int[]))"
)
_BEGIN_CLEANING = text(
    """
    update lex_fold set cleaned_at = now(), chunks = (
        select coalesce(sum(chunks), 0) from document where tenant_id = :tenant_id
    ) - (select count(*) from lex_tail where tenant_id = :tenant_id)
    where tenant_id = :tenant_id
    """
)
_LONG_TAILS = text("select tenant_id from lex_tail group by tenant_id having count(*) >= :least")
_FOLDED = text("select tenant_id from lex_fold")
_GONE = text(
    """
    select f.chunks, f.chunks + (select count(*) from lex_tail where tenant_id = :tenant_id)
        - (select coalesce(sum(chunks), 0) from document where tenant_id = :tenant_id) as gone,
        cleaned_at < now() - cast(:patience as interval) as waited
    from lex_fold f where tenant_id = :tenant_id
    """
)

_MOST_TERMS = 2000
_MOST_POSTINGS = 500_000


@dataclass(frozen=True, slots=True)
class Folded:
    """What one fold did."""

    chunks: int
    is_more_left: bool


async def hold_postings(session: AsyncSession, tenant_id: int) -> bool:
    """Keep the postings of a tenant for this transaction; False when somebody else has them."""
    connection = await session.connection()
    found = await connection.execute(_LOCK, {"kind": _LOCK_CLASS, "tenant_id": tenant_id})
    return bool(found.scalar_one())


async def fold_tail(session: AsyncSession, tenant_id: int, most: int) -> Folded:
    """Move the oldest chunks of the tail into the postings, which the caller holds."""
    connection = await session.connection()
    found = await connection.execute(_TAIL, {"tenant_id": tenant_id, "most": most})
    rows = found.all()
    # A row without its chunk is what a deletion has left.
    waiting = [(int(chunk_id), bytes(lex)) for chunk_id, lex in rows if lex is not None]
    if waiting:
        postings = await asyncio.to_thread(Postings.of, waiting)
        last = await _last_segments(connection, tenant_id, postings)
        blocks = await asyncio.to_thread(lambda: list(postings.blocks(last)))
        await _add(connection, tenant_id, blocks)
        await connection.execute(_NOTE, {"tenant_id": tenant_id, "chunks": len(waiting)})
    struck = {"tenant_id": tenant_id, "ids": [row.chunk_id for row in rows]}
    await connection.execute(_STRIKE_OUT, struck)
    return Folded(len(waiting), is_more_left=len(rows) == most)


async def begin_cleaning(session: AsyncSession, tenant_id: int) -> None:
    """Write down that a pass through all postings begins.

    From here on only what lives now counts as held: what dies during the pass counts as gone, also
    where the pass has met it already, so that the next one comes rather too early.
    """
    connection = await session.connection()
    await connection.execute(_BEGIN_CLEANING, {"tenant_id": tenant_id})


async def clean_terms(session: AsyncSession, tenant_id: int, after: int) -> int | None:
    """Drop what is gone from the postings of some terms; give the last one, None at the end.

    Each part of a pass looks by itself at what is alive, so it may be cut off between any two.
    """
    connection = await session.connection()
    until = await _end_of_part(connection, tenant_id, after)
    if until is None:
        return None
    part = {"tenant_id": tenant_id, "after": after, "until": until}
    by_term: dict[int, list[Block]] = {}
    for row in await connection.execute(_BLOCKS, part):
        by_term.setdefault(row.term, []).append(Block(*row))
    ids = await asyncio.to_thread(_ids_of, by_term)
    alive = await _alive(connection, ids)
    changed = await asyncio.to_thread(_cleaned, by_term, alive)
    if changed:
        await connection.execute(_REMOVE, {"tenant_id": tenant_id, "terms": list(changed)})
        await _add(connection, tenant_id, [block for kept in changed.values() for block in kept])
    return until


async def find_long_tails(session: AsyncSession, least: int) -> list[int]:
    """Name the tenants with so many chunks in the tail; bound to no tenant."""
    return list(await session.scalars(_LONG_TAILS, {"least": least}))


async def find_folded(session: AsyncSession) -> list[int]:
    """Name the tenants that have postings; bound to no tenant."""
    return list(await session.scalars(_FOLDED))


async def needs_cleaning(
    session: AsyncSession, tenant_id: int, share: float, patience: timedelta
) -> bool:
    """Tell whether too much of what the postings of a tenant speak of is gone.

    Too much is a share that makes searches slower, or, when it has waited long, anything: what was
    deleted shall not stay for good, be it only a number.
    """
    connection = await session.connection()
    found = await connection.execute(_GONE, {"tenant_id": tenant_id, "patience": patience})
    row = found.one_or_none()
    if row is None or row.gone <= 0:
        return False
    return bool(row.waited) or row.gone > share * row.chunks


async def _last_segments(
    connection: AsyncConnection, tenant_id: int, postings: Postings
) -> Mapping[int, LastSegment]:
    found = await connection.execute(
        _LAST, {"tenant_id": tenant_id, "terms": postings.terms.tolist()}
    )
    return {term: LastSegment(segment, first, count) for term, segment, first, count in found.all()}


async def _add(connection: AsyncConnection, tenant_id: int, blocks: Sequence[Block]) -> None:
    await connection.execute(
        _ADD,
        {
            "tenant_id": tenant_id,
            "terms": [block.term for block in blocks],
            "segments": [block.segment for block in blocks],
            "firsts": [block.first for block in blocks],
            "counts": [block.count for block in blocks],
            "chunks": [block.chunks for block in blocks],
            "impacts": [block.impacts for block in blocks],
        },
    )


async def _end_of_part(connection: AsyncConnection, tenant_id: int, after: int) -> int | None:
    """Find the last term that a part of a pass takes: it holds a bounded number of postings."""
    values = {"tenant_id": tenant_id, "after": after, "most": _MOST_TERMS}
    until, taken = None, 0
    for term, count in (await connection.execute(_TERMS_AFTER, values)).all():
        taken += count
        if until is not None and taken > _MOST_POSTINGS:
            break
        until = int(term)
    return until


async def _alive(connection: AsyncConnection, ids: Ids) -> Ids:
    packed = (await connection.execute(_ALIVE, {"ids": ids.tolist()})).scalar_one()
    return np.frombuffer(packed or b"", ">i8").astype(np.int64)


def _ids_of(by_term: Mapping[int, Sequence[Block]]) -> Ids:
    ids: Ids = np.unique(
        np.concatenate([block.ids for blocks in by_term.values() for block in blocks])
    )
    return ids


def _cleaned(by_term: Mapping[int, Sequence[Block]], alive: Ids) -> dict[int, list[Block]]:
    changed = {}
    for term, blocks in by_term.items():
        kept = cleaned(blocks, alive)
        if kept is not None:
            changed[term] = kept
    return changed
