"""Measures the product on this machine: `python -m bench [--only PART]… [--quick | --large]`.

Every figure stands beside a floor that was measured in the same run, because on a shared machine
only their ratio means something. CPU per operation is the steadiest of all.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.callers import measure_callers
from bench.closely import measure_closely
from bench.embedding import measure_embedding
from bench.figures import Figure, print_figures
from bench.ingesting import measure_ingesting
from bench.installing import measure_installing
from bench.reading import measure_reading
from bench.searching import measure_searching
from bench.starting import measure_memory, measure_starting
from tests.support.product_process import ProductProcess, product_process


@dataclass
class Bench:
    """One run: its folder, its products (started when first needed), and whether it hurries."""

    folder: Path
    quick: bool
    large: bool
    huge: bool
    stack: AsyncExitStack
    products: dict[str, ProductProcess] = field(default_factory=dict)

    async def product(self, embedder: str) -> ProductProcess:
        """Give the product with an embedder."""
        if embedder not in self.products:
            environment = {"MUNIMENT_EMBEDDING__SPACE": embedder, "MUNIMENT_LOG__LEVEL": "warning"}
            opened = product_process(self.folder / embedder, environment)
            self.products[embedder] = await self.stack.enter_async_context(opened)
        return self.products[embedder]

    async def get(self) -> Sequence[Figure]:
        """Measure the authenticated GET."""
        return await measure_reading(await self.product("hashing"), quick=self.quick)

    async def callers(self) -> Sequence[Figure]:
        """Measure each kind of credential."""
        return await measure_callers(await self.product("hashing"), quick=self.quick)

    async def search(self) -> Sequence[Figure]:
        """Measure search behind walls."""
        product = await self.product("hashing")
        return await measure_searching(product, quick=self.quick, large=self.large, huge=self.huge)

    async def ingest(self) -> Sequence[Figure]:
        """Measure ingestion."""
        hashing, minilm = await self.product("hashing"), await self.product("minilm")
        return await measure_ingesting(hashing, minilm, quick=self.quick)

    async def closely(self) -> Sequence[Figure]:
        """Measure the closer look."""
        return await measure_closely(await self.product("minilm"), quick=self.quick)

    async def embed(self) -> Sequence[Figure]:
        """Measure the embedder."""
        return await measure_embedding(quick=self.quick)

    async def start(self) -> Sequence[Figure]:
        """Measure cold and warm starts."""
        return await measure_starting(self.folder, quick=self.quick)

    async def memory(self) -> Sequence[Figure]:
        """Weigh the idle product in a process that has done nothing else."""
        async with product_process(self.folder / "idle") as product:
            return await measure_memory(product)

    async def size(self) -> Sequence[Figure]:
        """Weigh the installation."""
        return await measure_installing(self.folder)


Part = Callable[[Bench], Awaitable[Sequence[Figure]]]
PARTS: Mapping[str, Part] = {
    "start": Bench.start,
    "memory": Bench.memory,
    "get": Bench.get,
    "callers": Bench.callers,
    "search": Bench.search,
    "closely": Bench.closely,
    "ingest": Bench.ingest,
    "embed": Bench.embed,
    "size": Bench.size,
}


async def measure(names: Sequence[str], *, quick: bool, large: bool, huge: bool) -> list[Figure]:
    """Measure the named parts one after another."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as folder:
        async with AsyncExitStack() as stack:
            bench = Bench(Path(folder), quick, large, huge, stack)
            for name in names:
                print(f"measuring {name} …", file=sys.stderr)
                figures += await PARTS[name](bench)
    return figures


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="may be given again")
    parser.add_argument("--quick", action="store_true", help="less of everything, and rougher")
    parser.add_argument("--large", action="store_true", help="search 100,000 chunks as well")
    parser.add_argument("--huge", action="store_true", help="and a million, for most of an hour")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    names = options.only or list(PARTS)
    figures = uvloop.run(
        measure(names, quick=options.quick, large=options.large, huge=options.huge)
    )
    if options.as_json:
        print(json.dumps([figure.as_json() for figure in figures], indent=2))
    else:
        print_figures(figures)


if __name__ == "__main__":
    main()
