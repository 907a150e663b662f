"""Chunks made of term weights, in bulk and without texts, for what looks at numbers alone."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from muniment.kit.ids import new_id
from tests.support.shelf import Shelf

Terms = Mapping[int, float]

_DOCUMENTS = text(
    """
    insert into document (id, tenant_id, collection_id, name, media_type, created_by, bytes,
                          status, ready_version, chunks, revision)
    select id, :tenant, :collection, 'n', 'text/plain', :maker, 1, 'ready', 1, :each, 1
    from unnest(cast(:ids as uuid[])) as ids (id)
    """
)
_CHUNKS = text(
    """
    with made as (
        insert into chunk_lex (chunk_id, document_id, tenant_id, lex)
        select nextval(pg_get_serial_sequence('chunk', 'id')),
               (cast(:ids as uuid[]))[1 + (place - 1) / :each], :tenant, cast(lex as sparsevec)
        from unnest(cast(:lex as text[])) with ordinality as lex (lex, place)
        returning chunk_id
    ), waiting as (
        insert into lex_tail select :tenant, chunk_id from made
    )
    select chunk_id from made order by chunk_id
    """
)
_VECTORS = text(
    """
    insert into chunk_vector (chunk_id, space, document_id, tenant_id, embedding)
    select chunk_id, :space, document_id, :tenant, cast(vector as halfvec)
    from unnest(cast(:chunks as bigint[]), cast(:vectors as text[])) as rows (id, vector)
    join chunk_lex on chunk_id = id
    """
)


async def add_chunks(
    shelf: Shelf,
    collection: UUID,
    chunks: Sequence[Terms],
    *,
    each: int = 1,
    vectors: Sequence[Sequence[float]] = (),
) -> list[int]:
    """Add documents of so many chunks each; give the ids of the chunks in order."""
    maker = await shelf.principal("librarian")
    ids = [new_id() for _ in range(-(-len(chunks) // each))]
    shared = {"tenant": shelf.tenant_id, "ids": ids, "each": each}
    lex = [
        "{"
        + ",".join(f"{term}:{weight}" for term, weight in sorted(chunk.items()))
        + "}/1000000000"
        for chunk in chunks
    ]
    async with shelf.database.owner.begin() as owner:
        document = {**shared, "collection": collection, "maker": maker.user_id}
        await owner.execute(_DOCUMENTS, document)
        made = list(await owner.scalars(_CHUNKS, {**shared, "lex": lex}))
        if vectors:
            values = {
                "tenant": shelf.tenant_id,
                "space": shelf.space.id,
                "chunks": made,
                "vectors": [json.dumps(list(vector)) for vector in vectors],
            }
            await owner.execute(_VECTORS, values)
    return made


async def remove_chunks(shelf: Shelf, chunk_ids: Sequence[int]) -> None:
    """Remove chunks as a purge does: from their own tables and nowhere else."""
    async with shelf.database.owner.begin() as owner:
        await owner.execute(
            text(
                "with gone as (delete from chunk_lex where chunk_id = any(cast(:ids as bigint[]))"
                " returning document_id)"
                " update document d set chunks = d.chunks - g.count from"
                " (select document_id, count(*) as count from gone group by 1) g"
                " where g.document_id = d.id"
            ),
            {"ids": list(chunk_ids)},
        )
