"""The authenticated GET: token check, disabled check and profile row, beside a bare endpoint."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median

import psutil

from bench.accounting import counting, cpu_s
from bench.figures import Budget, Figure
from bench.floors import TOKEN
from bench.load import send_load, write_request
from tests.support.product_process import ProductProcess

_CONCURRENCY = 16
_ROUNDS = 3
_MS = 1000.0


async def measure_reading(product: ProductProcess, *, quick: bool) -> Sequence[Figure]:
    """Measure both in turn, so that a slow minute of the machine hits both; give the medians."""
    token = await product.token("owner", "member")
    ours = [write_request("GET", "/api/v1/users/me", token)]
    bare = [write_request("GET", "/me", TOKEN)]
    total = 1_000 if quick else 5_000
    mine, with_database, floors, rates, floor_rates = [], [], [], [], []
    async with floor_server() as (address, floor):
        for _ in range(_ROUNDS + 1):
            before = cpu_s(floor)
            load = await send_load(address, bare, concurrency=_CONCURRENCY, total=total)
            floors.append((cpu_s(floor) - before) * _MS / total)
            floor_rates.append(load.per_second)
            with counting(product) as spent:
                load = await send_load(product.address, ours, concurrency=_CONCURRENCY, total=total)
            mine.append(spent.product_s * _MS / total)
            with_database.append(spent.total_s * _MS / total)
            rates.append(load.per_second)
    # The first round warms up.
    floor_ms, floor_rate = median(floors[1:]), median(floor_rates[1:])
    group = "GET /users/me"
    return [
        Figure(group, "CPU", median(mine[1:]), "ms", floor_ms, Budget(3.0)),
        Figure(group, "CPU with PostgreSQL", median(with_database[1:]), "ms", floor_ms),
        Figure(group, "at 16", median(rates[1:]), "/s", floor_rate, Budget(0.35, at_least=True)),
    ]


@asynccontextmanager
async def floor_server() -> AsyncIterator[tuple[str, psutil.Process]]:
    """Run the bare endpoint in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.floors", stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        yield address, psutil.Process(process.pid)
    finally:
        process.kill()
        await process.wait()
