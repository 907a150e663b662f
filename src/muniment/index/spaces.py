"""Embedding spaces: what may be compared with what, and the index that serves each of them."""

from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from muniment.index.models import EmbeddingSpace
from muniment.index.settings import VectorSettings
from muniment.kit.errors import ConfigurationError
from muniment.ports.embedding import EmbedderIdentity

_MAX_DIMENSION = 4000
"""What an index of pgvector takes of half-precision vectors."""


@dataclass(frozen=True, slots=True)
class EmbeddingSpaceRef:
    """One registered space: its id and dimension stand literally in the statements of its index."""

    id: int
    dimension: int


async def find_space(session: AsyncSession, identity: EmbedderIdentity) -> EmbeddingSpaceRef:
    """Give the registered space of an embedder. Raises ConfigurationError when there is none."""
    found = await session.execute(
        select(EmbeddingSpace.id, EmbeddingSpace.dimension).filter_by(**_key(identity))
    )
    row = found.one_or_none()
    if row is None:
        raise ConfigurationError(
            f"The database knows no embedding space of {identity.name} ({identity.revision}).",
            hint="Run `muniment migrate`: it registers the space and builds its index.",
        )
    return EmbeddingSpaceRef(row.id, row.dimension)


async def ensure_space(
    connection: AsyncConnection, identity: EmbedderIdentity, settings: VectorSettings
) -> EmbeddingSpaceRef:
    """Register the space of an embedder and build its index, as the owner of the tables.

    A space that is there already costs two reads. The index is built without locking out writers.
    """
    if identity.dimension > _MAX_DIMENSION:
        raise ConfigurationError(
            f"Vectors of {identity.dimension} dimensions cannot be indexed; the most is"
            f" {_MAX_DIMENSION}."
        )
    wanted = select(EmbeddingSpace.id).filter_by(**_key(identity))
    async with connection.begin():
        # Looked for first: an insert that meets a conflict uses up a number of the small id.
        space_id = (await connection.execute(wanted)).scalar_one_or_none()
        if space_id is None:
            await connection.execute(
                insert(EmbeddingSpace).values(**_key(identity)).on_conflict_do_nothing()
            )
            space_id = (await connection.execute(wanted)).scalar_one()
    space = EmbeddingSpaceRef(space_id, identity.dimension)
    await _ensure_index(connection, space, settings)
    return space


async def _ensure_index(
    connection: AsyncConnection, space: EmbeddingSpaceRef, settings: VectorSettings
) -> None:
    name = f"chunk_vector_space_{space.id}"
    method, options = {
        "hnsw": ("hnsw", "(m = 16, ef_construction = 64)"),
        "ivfflat": ("ivfflat", "(lists = 1000)"),
    }[settings.index]
    async with connection.begin():
        state = await connection.execute(
            text(
                "select a.amname, i.indisvalid from pg_class c join pg_am a on a.oid = c.relam"
                " join pg_index i on i.indexrelid = c.oid where c.relname = :name"
            ),
            {"name": name},
        )
        present = state.one_or_none()
    if present is not None and present.amname == method and present.indisvalid:
        return
    _ = await connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with connection.begin():
            # A build that was cut off leaves an invalid index behind, another kind the wrong one.
            await connection.exec_driver_sql(f"drop index concurrently if exists {name}")
            await connection.exec_driver_sql(
                f"create index concurrently {name} on chunk_vector using {method}"
                f" ((embedding::halfvec({space.dimension})) halfvec_ip_ops) with {options}"
                f" where space = {space.id}"
            )
    finally:
        _ = await connection.execution_options(isolation_level="READ COMMITTED")


def _key(identity: EmbedderIdentity) -> dict[str, str | int]:
    return {
        "embedder": identity.name,
        "dimension": identity.dimension,
        "metric": identity.metric,
        "revision": identity.revision,
    }
