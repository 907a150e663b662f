"""CPU time and memory of process trees: the figures that hold on a noisy machine."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from tests.support.product_process import ProductProcess

_MEBIBYTE = 1024 * 1024
_POSTGRES = "postgres"


@dataclass
class Spent:
    """CPU seconds of a block; filled when it ends."""

    product_s: float = 0.0
    """Of the process that serves and works, and its readers."""
    postgres_s: float = 0.0
    """Of PostgreSQL with all its backends."""

    @property
    def total_s(self) -> float:
        """CPU seconds of all of them."""
        return self.product_s + self.postgres_s


@contextlib.contextmanager
def counting(product: ProductProcess) -> Iterator[Spent]:
    """Count the CPU time that a block costs the product and its database."""
    spent = Spent()
    before = _now(product)
    yield spent
    after = _now(product)
    spent.product_s = after[0] - before[0]
    spent.postgres_s = after[1] - before[1]


def cpu_s(root: psutil.Process) -> float:
    """Give the CPU seconds that a process and everything below it have used so far."""
    times = root.cpu_times()
    own = times.user + times.system + times.children_user + times.children_system
    return float(own) + sum(_own_s(child) for child in root.children(recursive=True))


def memory_mb(product: ProductProcess) -> tuple[float, float]:
    """Give resident and proportional memory of the product without PostgreSQL."""
    mine = [psutil.Process(product.pid), *_children(product)]
    full = [process.memory_full_info() for process in mine]
    resident = sum(memory.rss for memory in full) / _MEBIBYTE
    return resident, sum(memory.pss for memory in full) / _MEBIBYTE


def _now(product: ProductProcess) -> tuple[float, float]:
    postmaster = product.postmaster()
    assert postmaster is not None, "the embedded PostgreSQL does not run"
    process = psutil.Process(product.pid).cpu_times()
    own = process.user + process.system
    return own + sum(map(_own_s, _children(product))), cpu_s(postmaster)


def _children(product: ProductProcess) -> list[psutil.Process]:
    return [child for child in product.children() if child.name() != _POSTGRES]


def _own_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
