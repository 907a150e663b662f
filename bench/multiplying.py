"""Makes a corpus ten times as large by copying it within the database: near copies, in minutes.

Writing a million chunks as the worker does would take hours. A copy has the words of its original,
and its vector moved by noise, so that a million chunks are ten copies of each passage: hard for a
graph of neighbours, as large libraries with many versions of a text are.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

COPIES = 10
_NOISE = 0.5
"""Length of what is added to a vector of length 1."""

_COLUMNS = text(
    """
    select column_name from information_schema.columns
    where table_schema = current_schema and table_name = :table and is_generated = 'NEVER'
    order by ordinal_position
    """
)
_COPIED_ID = "md5({column}::text || {copy})::uuid"
# The sub-select names the row, or it would be run once for all of them.
_MOVED = f"""
l2_normalize(embedding::vector + (
    select array_agg({_NOISE} * sqrt(3.0 / 384) * (2 * random() - 1 + 0 * place))
    from generate_series(1 + 0 * chunk_id, 384) as place
)::vector)::halfvec
"""
_TABLES = ("document", "document_version", "chunk", "chunk_vector", "chunk_lex")


async def multiply(engine: AsyncEngine) -> None:
    """Copy all documents with what belongs to them, as the owner; the copies wait for a fold."""
    async with engine.connect() as connection:
        most = int((await connection.exec_driver_sql("select max(id) from chunk")).scalar_one())
        await connection.exec_driver_sql("create temporary table origin as select id from document")
        await connection.commit()
        for copy in range(1, COPIES):
            for table in _TABLES:
                await _copy(connection, table, copy, most)
            await connection.exec_driver_sql(
                f"insert into lex_tail select tenant_id, id + {copy * most} from chunk"
                f" where id <= {most}"
            )
            await connection.commit()
        await connection.exec_driver_sql(f"update lex_term set chunks = chunks * {COPIES}")
        await connection.exec_driver_sql(f"update lex_total set chunks = chunks * {COPIES}")
        await connection.exec_driver_sql(
            "select setval(pg_get_serial_sequence('chunk', 'id'), (select max(id) from chunk))"
        )
        await connection.commit()


async def _copy(connection: AsyncConnection, table: str, copy: int, most: int) -> None:
    columns = (await connection.execute(_COLUMNS, {"table": table})).scalars().all()
    document, chunk = ("id", "") if table == "document" else ("document_id", "chunk_id")
    chunk = "id" if table == "chunk" else chunk
    changed = {
        document: _COPIED_ID.format(column=document, copy=copy),
        chunk: f"{chunk} + {copy * most}",
        "embedding": _MOVED,
        "name": f"{copy} || name",
    }
    read = ", ".join(changed.get(column, column) for column in columns)
    which = f"{chunk} <= {most}" if "chunk" in table else f"{document} in (select id from origin)"
    await connection.exec_driver_sql(
        f"insert into {table} ({', '.join(columns)}) overriding system value"
        f" select {read} from {table} where {which}"
    )
