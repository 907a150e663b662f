"""Cold and warm start of `muniment up`, and what it holds in memory when idle."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.accounting import memory_mb
from bench.figures import Budget, Figure
from bench.reading import floor_server
from tests.support.product_process import ProductProcess, product_process

_IDLE_S = 3.0


async def measure_starting(folder: Path, *, quick: bool) -> Sequence[Figure]:
    """Start over an empty data directory, then again over the same one, with the default model."""
    rounds = 1 if quick else 3
    cold: list[float] = []
    warm: list[float] = []
    floors: list[float] = []
    for number in range(rounds):
        began = time.perf_counter()
        async with floor_server():
            floors.append(time.perf_counter() - began)
        data_dir = folder / f"start-{number}"
        for seconds in (cold, warm):
            async with product_process(data_dir) as product:
                seconds.append(product.ready_after_s)
        shutil.rmtree(data_dir)
    floor = median(floors)
    return [
        Figure("muniment up", "cold, to ready", median(cold), "s", floor),
        Figure(
            "muniment up", "warm, to ready", median(warm), "s", floor, Budget(4.0), of_value=True
        ),
    ]


async def measure_memory(product: ProductProcess) -> Sequence[Figure]:
    """Weigh the idle processes; the model is loaded by then."""
    await asyncio.sleep(_IDLE_S)
    resident, proportional = memory_mb(product)
    return [
        Figure("idle memory", "proportional (PSS)", proportional, "MB", budget=Budget(300)),
        Figure("idle memory", "resident (RSS), shared pages counted twice", resident, "MB"),
    ]
