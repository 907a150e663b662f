"""Embedding spaces: what may be compared with what, and the index that serves each of them."""

from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from muniment.index.models import EmbeddingSpace
from muniment.index.settings import IndexKind, VectorSettings
from muniment.kit.errors import ConfigurationError
from muniment.ports.embedding import EmbedderIdentity

_MAX_DIMENSION = 4000
"""What an index of pgvector takes of half-precision vectors."""

_HNSW = "m = 24, ef_construction = 128"
"""Half again as many neighbours as pgvector's own choice: searches cost the same and find more."""

_FEWEST_LISTS, _MOST_LISTS = 20, 1000
_VECTORS_OF_LIST = 1000


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
    connection: AsyncConnection,
    identity: EmbedderIdentity,
    settings: VectorSettings,
    *,
    rebuild: bool = False,
) -> EmbeddingSpaceRef:
    """Register the space of an embedder and build its index, as the owner of the tables.

    A space that is there already costs two reads. The index is built without locking out writers;
    one of another kind, or one to be rebuilt, serves until the new one is ready. Other spaces keep
    the index that they have.
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
    name = f"chunk_vector_space_{space.id}"
    if rebuild or not await _has_index(connection, name, settings.index):
        await _build_index(connection, space, name, settings)
    return space


async def _has_index(connection: AsyncConnection, name: str, kind: IndexKind) -> bool:
    async with connection.begin():
        state = await connection.execute(
            text(
                "select a.amname, i.indisvalid from pg_class c join pg_am a on a.oid = c.relam"
                " join pg_index i on i.indexrelid = c.oid where c.relname = :name"
            ),
            {"name": name},
        )
        present = state.one_or_none()
    return present is not None and present.amname == kind and present.indisvalid


async def _build_index(
    connection: AsyncConnection, space: EmbeddingSpaceRef, name: str, settings: VectorSettings
) -> None:
    options, kind = _HNSW, settings.index
    if kind == "ivfflat":
        options = f"lists = {await _lists(connection, space)}"
    building = f"{name}_new"
    _ = await connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with connection.begin():
            # A build that was cut off leaves an invalid index behind.
            await connection.exec_driver_sql(f"drop index concurrently if exists {building}")
            memory = f"{settings.build_memory_mib}MB"
            await connection.exec_driver_sql(f"set maintenance_work_mem = '{memory}'")
            await connection.exec_driver_sql(
                f"create index concurrently {building} on chunk_vector using {kind}"
                f" ((embedding::halfvec({space.dimension})) halfvec_ip_ops) with ({options})"
                f" where space = {space.id}"
            )
            await connection.exec_driver_sql(f"drop index concurrently if exists {name}")
            await connection.exec_driver_sql(f"alter index {building} rename to {name}")
            await connection.exec_driver_sql("reset maintenance_work_mem")
    finally:
        _ = await connection.execution_options(isolation_level="READ COMMITTED")


async def _lists(connection: AsyncConnection, space: EmbeddingSpaceRef) -> int:
    """Count how many lists fit the vectors that are there, by the advice of pgvector."""
    async with connection.begin():
        counted = await connection.execute(
            text("select count(*) from chunk_vector where space = :space"), {"space": space.id}
        )
        vectors = int(counted.scalar_one())
    return min(max(_FEWEST_LISTS, vectors // _VECTORS_OF_LIST), _MOST_LISTS)


def _key(identity: EmbedderIdentity) -> dict[str, str | int]:
    return {
        "embedder": identity.name,
        "dimension": identity.dimension,
        "metric": identity.metric,
        "revision": identity.revision,
    }
