"""The lexical arm where much is permitted: the packed postings find, the database decides.

The postings speak of all chunks of a tenant and know no walls. So what they find is checked by key,
best first, until enough is permitted. Where too little of it is, the wall is narrower here than the
postings can guess: then the permitted chunks are listed, and the best of those are taken.
"""

import asyncio
from collections.abc import Mapping

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.index.postings import PostingsRow, Scored, scored
from muniment.index.reach import reach_shape, reachable
from muniment.index.search_statements import checked, permitted_chunks, tail
from muniment.ports.vectors import Reach
from muniment.postgres.fixed import (
    FixedStatement,
    FixedStatements,
    Places,
    Rows,
    Runnable,
    Value,
    keyed,
)

ALL_POSTINGS = 250_000
"""So many postings are read in any case, which takes about 10 ms; beyond, a share of the chunks.

At a million chunks an average question of six words has about as many."""
POSTINGS_SHARE = 0.2

_TIMES_DEPTH = 3
"""How many more candidates are checked than wanted: enough where a third is permitted."""
_IN_LOOP = 50_000
"""Postings that are added up within the event loop, which takes up to 3 ms.

More of them go to a thread. There the loop waits about 5 ms for its turn, however many they are: a
thread that computes gives way no sooner."""

# From the term that weighs most on, until so many are read. Which terms are left out may not tell
# how many hidden chunks hold one, so counts are blurred first: at least 10, and a power of two.
BLOCKS = text(
    """
    with wanted as materialized (
        select w.term, w.place, (
            select sum(postings) from lex_block
            where tenant_id = :tenant and term = w.term
        ) as postings
        from unnest(cast(:ids as int[])) with ordinality as w (term, place)
    ), told as (
        select term, sum(power(2, ceil(log(2, greatest(postings, 10)))))
            over (order by place rows between unbounded preceding and 1 preceding) as before
        from wanted where postings is not null
    )
    select b.term, b.first_chunk, b.chunks, b.impacts
    from told cross join lateral (
        select * from lex_block where tenant_id = :tenant and term = told.term offset 0
    ) b
    where coalesce(before, 0) <= greatest(
        cast(:least as float8),
        cast(:share as float8) * (select chunks from lex_fold where tenant_id = :tenant)
    )
    """
)
"""The postings of some terms of a tenant."""

_READ_BLOCKS = FixedStatement(BLOCKS)
_STATEMENTS = FixedStatements()


async def best_by_words(
    connection: AsyncConnection,
    reach: Reach,
    weights: Mapping[int, float],
    depth: int,
    values: Mapping[str, Value],
) -> list[int]:
    """Give the permitted chunks with the best words; one without any of them is no match.

    The tail is read before the postings: a chunk that is folded in between is then met twice, the
    other way round never.
    """
    waiting = await _tail(reach, depth).run(connection, values)
    found = await _postings(connection, reach.tenant_id, weights)
    folded = await _permitted(connection, reach, found, depth, values)
    distances: dict[int, float] = {int(row[0]): float(row[1]) for row in (*waiting, *folded)}
    return sorted(distances, key=lambda chunk_id: (distances[chunk_id], chunk_id))[:depth]


async def _postings(
    connection: AsyncConnection, tenant_id: int, weights: Mapping[int, float]
) -> Scored:
    terms = sorted(weights, key=lambda term: (-weights[term], term))
    values = {"tenant": tenant_id, "ids": terms, "least": ALL_POSTINGS, "share": POSTINGS_SHARE}
    blocks: list[PostingsRow] = [(*row,) for row in await _READ_BLOCKS.run(connection, values)]
    if sum(len(impacts) for *_, impacts in blocks) <= _IN_LOOP:
        return scored(blocks, weights)
    return await asyncio.to_thread(scored, blocks, weights)


async def _permitted(
    connection: AsyncConnection,
    reach: Reach,
    found: Scored,
    depth: int,
    values: Mapping[str, Value],
) -> Rows:
    most = _TIMES_DEPTH * depth
    rows = await _check(connection, reach, found, depth, values)
    if len(rows) >= depth or len(found.ids) <= most:
        return rows
    packed = (await _permitted_chunks(reach).run(connection, values))[0][0]
    ids = np.frombuffer(packed or b"", ">i8").astype(np.int64)
    return await _check(connection, reach, await asyncio.to_thread(found.among, ids), depth, values)


async def _check(
    connection: AsyncConnection,
    reach: Reach,
    found: Scored,
    depth: int,
    values: Mapping[str, Value],
) -> Rows:
    statement = _STATEMENTS.of(
        keyed("checked", depth, reach_shape(reach)),
        lambda: checked(depth, reachable(reach, Places())),
    )
    candidates = found.best(_TIMES_DEPTH * depth)
    return await statement.run(connection, {**values, "found": candidates})


def _tail(reach: Reach, depth: int) -> Runnable:
    return _STATEMENTS.of(
        keyed("tail", depth, reach_shape(reach)), lambda: tail(depth, reachable(reach, Places()))
    )


def _permitted_chunks(reach: Reach) -> Runnable:
    return _STATEMENTS.of(
        keyed("permitted", reach_shape(reach)),
        lambda: permitted_chunks(reachable(reach, Places())),
    )
