"""The disk fills up under the whole product, and gets free again: a clear no, nothing lost.

The data lie on a small file system in memory, so that nothing else of the machine fills up.
Mounting one takes a right; without it the trial is skipped.
"""

import asyncio
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.trials.items import Item, draw_items
from tests.trials.running import SEED, Trial, a_trial, assert_nothing_left, say
from tests.trials.sites import local_site

DISK = 384 * 2**20
STAYS_FREE = 48 * 2**20
FULL_S = 6.0
_RETRY_S = 60.0
"""How long a job waits that met a full disk."""
_BLOCK = bytes(2**20)
pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """A small disk of its own."""
    path = folder / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def filler(disk: Path, leave: int) -> Iterator[None]:
    """Let somebody else take the space, but for so many bytes, as long as the block lasts."""
    path = disk / "filler"
    try:
        with path.open("wb", buffering=0) as file:
            while free_on(disk) > leave:
                try:
                    file.write(_BLOCK[: max(1, min(len(_BLOCK), free_on(disk) - leave))])
                except OSError:
                    break
        yield
    finally:
        path.unlink()


def free_on(disk: Path) -> int:
    """Tell the free space."""
    return shutil.disk_usage(disk).free


async def bring(trial: Trial, collection: str, items: list[Item]) -> None:
    """Bring items in, one after the other."""
    for item in items:
        await trial.client.bring(collection, item, run=collection)


async def assert_refused_in_time(trial: Trial, collection: str, item: Item) -> None:
    """Offer an upload while there is little space; the product works on with what it has."""
    answer = await trial.client.try_upload(collection, item)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_low")
    assert int(answer.headers["Retry-After"]) > 0
    await trial.wait_until_ready(collection)


async def assert_never_broken(trial: Trial, collection: str, item: Item) -> None:
    """Offer uploads for a while without any space: each answer asks to come again."""
    began = time.monotonic()
    answered: set[int] = set()
    while time.monotonic() - began < FULL_S:
        answered.add((await trial.client.try_upload(collection, item)).status_code)
        await asyncio.sleep(0.2)
    say(f"full for {FULL_S:.0f} s: answers {sorted(answered)}")
    assert answered <= {503, 507}


async def test_whole_product_survives_a_full_disk(folder: Path, disk: Path) -> None:
    say(f"\nKILL_SEED={SEED}: the disk of the whole product fills up")
    drawn = draw_items(random.Random(f"{SEED} full"), 60)
    items = [item for item in drawn if not item.is_deleted][:25]
    early, late, last = items[:10], items[10:20], items[20:]
    settings = {"MUNIMENT_UPLOADS__MIN_FREE_BYTES": str(STAYS_FREE)}
    async with local_site(folder, disk=disk, settings=settings) as site, a_trial(site) as trial:
        await trial.measure_start()
        full = await trial.client.make_collection("Full")
        await bring(trial, full, early)
        with filler(disk, STAYS_FREE - len(_BLOCK)):
            await assert_refused_in_time(trial, full, last[0])
        await bring(trial, full, late)
        with filler(disk, 0):
            await assert_never_broken(trial, full, last[0])

        began = time.monotonic()
        trial.limit_s = trial.client.patience_s = trial.limit_s + _RETRY_S
        await bring(trial, full, last)
        await trial.wait_until_ready(full)
        say(f"everything is ready {time.monotonic() - began:.1f} s after there is space again")
        calm = await trial.client.make_collection("Calm")
        await bring(trial, calm, items)
        await trial.wait_until_ready(calm)
        stormy = await trial.inspector.contents(full)
        assert stormy == await trial.inspector.contents(calm)
        assert set(stormy.chunks) == {item.name for item in items}
        await assert_nothing_left(trial)
