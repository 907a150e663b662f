"""Looks behind the product, as a superuser of its database and into its folder of originals."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

Slice = tuple[int, int, str, str]
"""Where a chunk begins and ends, a hash of its text and one of its vectors."""

_CHUNKS = """
select d.name, c.start_offset, c.end_offset, c.text,
       (select string_agg(v.space || ':' || v.embedding::text, ' ' order by v.space)
        from chunk_vector v where v.chunk_id = c.id) as vectors,
       (select string_agg(x.lex::text, ' ') from chunk_lex x where x.chunk_id = c.id) as terms
from document d join chunk c on c.document_id = d.id and c.version = d.ready_version
where d.collection_id = $1 and d.deleted_at is null order by d.name, c.ordinal
"""
_STRAYS = """
select
  (select count(*) from chunk c where not exists (
     select from document d where d.id = c.document_id and d.ready_version = c.version)) as chunks,
  (select count(*) from chunk_vector v where not exists (
     select from chunk c where c.id = v.chunk_id)) as vectors,
  (select count(*) from chunk_lex x where not exists (
     select from chunk c where c.id = x.chunk_id)) as terms,
  (select count(*) from document where deleted_at is not null) as deleted_documents,
  (select count(*) from document_version v where v.ready_at is null and exists (
     select from document d where d.id = v.document_id and d.version = v.number)) as unread,
  (select count(*) from job) as jobs,
  (select count(*) from pending_original) as pending,
  (select count(*) from tenant_usage u cross join lateral (
     select count(distinct d.id) as documents, coalesce(sum(v.bytes), 0) as bytes
     from document d join document_version v on v.document_id = d.id
     where d.tenant_id = u.tenant_id and d.deleted_at is null) there
   where (u.documents, u.bytes) <> (there.documents, there.bytes)) as miscounted,
  (select count(*) from pg_locks where locktype = 'advisory') as locks
"""
_OVERDUE = """
select coalesce(max(extract(epoch from now() - lease_until)), 0)::float8 from job
where state = 'running' and lease_until < now()
"""
_LOOK_EVERY_S = 0.5
AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What somebody meets who asks a database that is just being killed."""


@dataclass(frozen=True)
class Contents:
    """What searches find in a collection."""

    chunks: Mapping[str, Sequence[Slice]]
    """By the name of the document."""
    words: Mapping[int, int]
    """In how many chunks each term is counted."""
    counted: int


class Inspector:
    """Sees through every wall."""

    def __init__(self, superuser: str, data_dir: Path) -> None:
        self._superuser = superuser
        self._originals = data_dir / "originals"
        self.longest_overdue_s = 0.0
        """How long a lease has ever been out without anybody having taken the job over."""

    async def contents(self, collection: str) -> Contents:
        """Read the index of a collection."""
        async with self._connected() as connection:
            rows = await connection.fetch(_CHUNKS, collection)
            words = await connection.fetch(
                "select term, chunks from lex_term where collection_id = $1 and chunks <> 0",
                collection,
            )
            counted = await connection.fetchval(
                "select coalesce(sum(chunks), 0)::int from lex_total where collection_id = $1",
                collection,
            )
        chunks: dict[str, list[Slice]] = {}
        for row in rows:
            text, arms = _digest(row["text"]), _digest(f"{row['vectors']} {row['terms']}")
            where = chunks.setdefault(row["name"], [])
            where.append((row["start_offset"], row["end_offset"], text, arms))
        return Contents(chunks, dict(words), counted)

    async def strays(self) -> Mapping[str, int]:
        """Count what no document speaks of, and what should have ended; only what there is."""
        async with self._connected() as connection:
            row = await connection.fetchrow(_STRAYS)
        return {name: count for name, count in row.items() if count}

    async def failures(self) -> list[tuple[str, str, str | None]]:
        """Name the documents that failed, and why."""
        async with self._connected() as connection:
            rows = await connection.fetch(
                "select name, error_code, error_detail from document where status = 'failed'"
            )
        return [tuple(row) for row in rows]

    async def unmatched_originals(self) -> tuple[set[str], set[str]]:
        """Give files without a row, and rows without a file."""
        async with self._connected() as connection:
            keys = await connection.fetch("select original_key from document_version")
        rows = {row["original_key"] for row in keys}
        files = {path.name for path in self._originals.rglob("*") if path.is_file()}
        return files - rows, rows - files

    async def age_pending(self) -> int:
        """Let two days pass for what uploads have left behind; give the number of rows."""
        async with self._connected() as connection:
            status = await connection.execute(
                "update pending_original set stored_at = stored_at - interval '2 days'"
            )
        return int(status.removeprefix("UPDATE "))

    async def watch_leases(self) -> None:
        """Look again and again how long leases have been out, until cancelled."""
        while True:
            with contextlib.suppress(*AWAY):
                async with self._connected() as connection:
                    while True:
                        overdue_s = await connection.fetchval(_OVERDUE)
                        self.longest_overdue_s = max(self.longest_overdue_s, overdue_s)
                        await asyncio.sleep(_LOOK_EVERY_S)
            await asyncio.sleep(_LOOK_EVERY_S)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._superuser)
        try:
            yield connection
        finally:
            connection.terminate()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
