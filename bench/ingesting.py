"""Ingestion of texts of 5 kB, with and without the model, beside PostgreSQL alone."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import asyncpg
import httpx2
import numpy as np

from bench.accounting import counting, cpu_s
from bench.figures import Budget, Figure
from bench.texts import Writer
from muniment.index.repository import halfvec_text
from muniment.postgres.embedded.supervisor import EmbeddedPostgres
from tests.support.product_process import ProductProcess

_SIZE = 5_000
_CHUNKS = 5
_DIMENSION = 384
_WARM = 6
_PATIENCE_S = 300.0
_MS = 1000.0
_GROUP = "ingesting 5 kB"
_FLOOR_TABLES = f"""
create schema if not exists bench;
drop table if exists bench.chunk, bench.document;
create table bench.document (id int primary key, body text not null);
create table bench.chunk (document_id int not null references bench.document, ordinal int,
    body text not null, embedding halfvec({_DIMENSION}) not null, lex sparsevec not null,
    primary key (document_id, ordinal));
create index on bench.chunk using hnsw (embedding halfvec_ip_ops);
"""


async def measure_ingesting(
    hashing: ProductProcess, minilm: ProductProcess, *, quick: bool
) -> Sequence[Figure]:
    """Ingest the same texts three ways; CPU counts readers and PostgreSQL as well."""
    count = 10 if quick else 40
    writer = Writer(5)
    texts = {f"{n:03}.txt": writer.document(_SIZE).encode() for n in range(count)}
    # Enough of them for every parser child to be started: that is not what a document costs.
    warm = {f"warm-{n}.txt": writer.document(_SIZE).encode() for n in range(_WARM)}
    floor_ms = await _postgres_alone(hashing, list(texts.values()))
    figures = []
    for name, product, budget in (
        ("without the model", hashing, Budget(30.0)),
        ("with the model", minilm, None),
    ):
        await ingest(product, warm)
        with counting(product) as spent:
            seconds = await ingest(product, texts)
        cpu_ms = spent.total_s * _MS / count
        figures += [
            Figure(_GROUP, f"CPU {name}", cpu_ms, "ms", floor_ms, budget, of_value=True),
            Figure(_GROUP, f"PostgreSQL's part {name}", spent.postgres_s * _MS / count, "ms"),
            Figure(_GROUP, f"documents/s {name}", count / seconds, "/s"),
        ]
    return figures


async def ingest(product: ProductProcess, texts: Mapping[str, bytes]) -> float:
    """Upload into a new collection and wait until all are ready; give the seconds."""
    headers = {"Authorization": f"Bearer {await product.token('owner', 'member')}"}
    address = f"{product.address}/api/v1"
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        made = await client.post("/collections", json={"name": "Bench"})
        documents = f"/collections/{made.raise_for_status().json()['id']}/documents"
        began = time.perf_counter()
        files = [("file", (name, text, "text/plain")) for name, text in texts.items()]
        (await client.post(documents, files=files)).raise_for_status()
        # Looked at seldom: listing costs the server CPU time that ingestion does not.
        query = {"status": "ready", "limit": "200"}
        while True:
            ready = (await client.get(documents, params=query)).raise_for_status().json()["items"]
            seconds = time.perf_counter() - began
            if len(ready) == len(texts):
                return seconds
            if seconds > _PATIENCE_S:
                raise TimeoutError(f"only {len(ready)} of {len(texts)} documents became ready")
            await asyncio.sleep(0.25)


async def _postgres_alone(product: ProductProcess, texts: Sequence[bytes]) -> float:
    """Store ready-made rows, a transaction for each document; give PostgreSQL's CPU in ms."""
    dice = np.random.default_rng(5)
    postmaster = product.postmaster()
    assert postmaster is not None
    async with EmbeddedPostgres(product.data_dir / "postgres") as urls:
        connection = await asyncpg.connect(urls.superuser.get_secret_value())
        try:
            await connection.execute(_FLOOR_TABLES)
            before = cpu_s(postmaster)
            for number, text in enumerate(texts):
                await _store(connection, number, text.decode(), dice)
            spent_s = cpu_s(postmaster) - before
            await connection.execute("drop schema bench cascade")
        finally:
            await connection.close()
    return spent_s * _MS / len(texts)


async def _store(
    connection: asyncpg.Connection, number: int, text: str, dice: np.random.Generator
) -> None:
    size = -(-len(text) // _CHUNKS)
    rows = []
    for ordinal in range(_CHUNKS):
        vector = dice.standard_normal(_DIMENSION, dtype=np.float32)
        terms = sorted(set(dice.integers(1, 2**29, 80).tolist()))
        lex = "{" + ",".join(f"{term}:1.5" for term in terms) + "}/536870912"
        body = text[ordinal * size : (ordinal + 1) * size]
        unit = vector / np.float32(np.linalg.norm(vector))
        rows.append((number, ordinal, body, halfvec_text(unit), lex))
    async with connection.transaction():
        await connection.execute("insert into bench.document values ($1, $2)", number, text)
        await connection.executemany(
            "insert into bench.chunk values ($1, $2, $3, $4::text::halfvec, $5::text::sparsevec)",
            rows,
        )
