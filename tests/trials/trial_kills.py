"""kill -9 of anything at any moment, again and again, while documents come in and go.

In the end everything is there that was accepted, once, and equal to a run that nobody disturbed;
and nothing else is. `KILL_SEED=7 make trial` draws other documents, strikes and moments; how the
processes meet them differs from run to run.
"""

import asyncio
import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.trials.client import PATIENCE_S, Client
from tests.trials.inspection import AWAY, Inspector
from tests.trials.items import Item, draw_items
from tests.trials.parts import still_running
from tests.trials.sites import Site, fleet_site, local_site

SEED = int(os.environ.get("KILL_SEED") or secrets.randbelow(10**6))
DOCUMENTS = 200
STRIKES = 24
_FEWEST_KILLS = 20
_UPLOADERS = 3
_LONGEST_PAUSE_S = 1.0
_LEAVE_S = 10.0
_USUAL_START_S = 4.0
_LEASE_S = 15.0

Strike = Callable[[], Awaitable[int]]
pytestmark = [pytest.mark.timeout(600)]


def say(words: str) -> None:
    """Print, whatever becomes of the test."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


@dataclass
class Trial:
    """One run: documents come in, strikes fall."""

    site: Site
    client: Client
    inspector: Inspector
    dice: random.Random
    collection: str = ""
    waiting: "asyncio.Queue[Item | None]" = field(default_factory=asyncio.Queue)
    kills: int = 0
    slowest_s: float = 0.0
    limit_s: float = PATIENCE_S
    """How long a recovery may take: 30 s where the product starts as fast as it should."""

    async def measure_start(self) -> None:
        """Restart everything; on a machine too busy for that, recoveries may take longer."""
        self.client.patience_s = 4 * PATIENCE_S
        await self.client.wait_until_served()
        for part in self.site.parts:
            await part.stop()
        began = time.monotonic()
        await self.client.wait_until_served()
        took_s = time.monotonic() - began
        self.limit_s += max(0.0, 3 * (took_s - _USUAL_START_S))
        self.client.patience_s = self.limit_s
        say(f"a start takes {took_s:.1f} s, so a recovery may take {self.limit_s:.0f} s")

    async def calm(self, items: Sequence[Item]) -> str:
        """Bring everything in undisturbed; give the collection."""
        collection = await self.client.make_collection("Calm")
        began = time.monotonic()
        for first in range(0, len(items), _UPLOADERS):
            async with asyncio.TaskGroup() as group:
                for item in items[first : first + _UPLOADERS]:
                    group.create_task(self.client.bring(collection, item, run="calm"))
        await self._wait_until_ready(collection, began + 4 * self.limit_s)
        say(f"undisturbed: {time.monotonic() - began:.0f} s")
        return collection

    async def storm(self, items: Sequence[Item]) -> str:
        """Bring everything in while strikes fall; give the collection."""
        self.collection = await self.client.make_collection("Storm")
        plain = [item for item in items if len(item.contents) == 1 and not item.is_deleted]
        cut = self.dice.sample(plain, STRIKES)  # more than will be needed
        rest = [item for item in items if item not in cut]
        deck = self._deck(cut)
        async with asyncio.TaskGroup() as group:
            for _ in range(_UPLOADERS):
                group.create_task(self._upload())
            for number, (name, strike) in enumerate(deck):
                share = rest[number :: len(deck)]
                middle = self.dice.randint(0, len(share))
                self._release(share[:middle])
                await asyncio.sleep(self.dice.uniform(0, _LONGEST_PAUSE_S))
                began = time.monotonic()
                struck = await self._strike(strike)
                self._release(share[middle:])
                await self._recover(number, name, struck, began)
            self._release(cut)
            for _ in range(_UPLOADERS):
                self.waiting.put_nowait(None)
        await self._wait_until_ready(self.collection, time.monotonic() + self.limit_s)
        return self.collection

    def _deck(self, cut: list[Item]) -> list[tuple[str, Strike]]:
        """Draw which strike falls when; each kind comes about as often as any other."""

        async def cut_upload() -> int:
            item = cut.pop()
            await self.client.cut_upload(self.collection, item, self.dice)
            self._release([item])
            return 0

        kinds: list[tuple[str, Strike]] = [
            *((part.name, partial(self.site.kill_part, part)) for part in self.site.parts),
            ("readers", self.site.kill_readers),
            ("database", self.site.kill_database),
            ("everything", self.site.kill_everything),
            ("connections", self.site.cut_connections),
            ("upload", cut_upload),
        ]
        deck = (kinds * STRIKES)[:STRIKES]
        self.dice.shuffle(deck)
        return deck

    def _release(self, items: Sequence[Item]) -> None:
        for item in items:
            self.waiting.put_nowait(item)

    async def _upload(self) -> None:
        while (item := await self.waiting.get()) is not None:
            await self.client.bring(self.collection, item, run="storm")

    async def _strike(self, strike: Strike) -> int:
        self.site.note_processes()
        struck = await asyncio.wait_for(strike(), self.limit_s)
        self.kills += struck > 0
        return struck

    async def _recover(self, number: int, name: str, struck: int, began: float) -> None:
        """Wait until every server answers and another document is ready; it has 30 seconds."""
        await self.client.wait_until_served()
        served_s = time.monotonic() - began
        before = await self._ready()
        while (now := await self._ready()) == before and await self._unfinished(self.collection):
            assert time.monotonic() - began < self.limit_s, f"no document became ready after {name}"
            await asyncio.sleep(0.1)
        took_s = time.monotonic() - began
        self.slowest_s = max(self.slowest_s, took_s)
        say(
            f"{number + 1:3} {name:12} {struck:3} processes, answers after {served_s:4.1f} s,"
            f" documents after {took_s:4.1f} s, {now} ready"
        )
        assert took_s < self.limit_s

    async def _ready(self) -> int:
        statuses = await self.client.statuses(self.collection)
        return sum(status == "ready" for status in statuses.values())

    async def _unfinished(self, collection: str) -> list[str]:
        statuses = await self.client.statuses(collection)
        assert "failed" not in statuses.values(), await self.inspector.failures()
        return [key for key, status in statuses.items() if status != "ready"]

    async def _wait_until_ready(self, collection: str, deadline: float) -> None:
        while left := await self._unfinished(collection):
            assert time.monotonic() < deadline, f"not ready: {left}"
            await asyncio.sleep(0.1)


async def assert_promises_kept(trial: Trial, items: Sequence[Item]) -> None:
    """Compare what is there with what was answered."""
    ledger = trial.client.ledger
    statuses = await trial.client.statuses(trial.collection)
    assert set(statuses) == {entry.id for entry in ledger.kept.values()}
    assert set(ledger.kept) == {item.name for item in items if not item.is_deleted}
    versions = {item.name: len(item.contents) for item in items if not item.is_deleted}
    assert {name: entry.version for name, entry in ledger.kept.items()} == versions


async def assert_nothing_left(trial: Trial) -> None:
    """Look for what nobody speaks of; abandoned uploads are cleared away by the next start."""
    say(f"{await trial.inspector.age_pending()} stored files of uploads that never ended")
    for part in trial.site.parts:
        await part.stop()
    deadline = time.monotonic() + trial.limit_s
    found: object = "the database is away"
    while True:
        with suppress(*AWAY):
            found = (await trial.inspector.strays(), await trial.inspector.unmatched_originals())
        if found == ({}, (set(), set())):
            return
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)


@asynccontextmanager
async def a_trial(site: Site) -> AsyncIterator[Trial]:
    """Keep the site running around the block; nothing of it may be left afterwards."""
    inspector = Inspector(site.superuser, site.data_dir)
    client = Client(site.addresses, await site.token("owner"))
    try:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(each) for each in (site.mend(), inspector.watch_leases())]
            yield Trial(site, client, inspector, random.Random(f"{SEED} strikes"))
            for task in beside:
                task.cancel()
    except BaseException:
        for part in site.parts:
            say(f"== {part.name}\n{part.complaints()}")
        raise
    finally:
        await client.close()
    await site.stop()
    assert still_running(site.seen, _LEAVE_S) == []


async def run(site: Site) -> None:
    """Bring the same documents in twice, calmly and under strikes, and compare."""
    items = draw_items(random.Random(f"{SEED} documents"), DOCUMENTS)
    async with a_trial(site) as trial:
        await trial.measure_start()
        calm = await trial.inspector.contents(await trial.calm(items))
        trial.client.forget()
        began = time.monotonic()
        stormy = await trial.inspector.contents(await trial.storm(items))
        await assert_promises_kept(trial, items)
        assert stormy == calm
        await assert_nothing_left(trial)
        assert await trial.inspector.contents(trial.collection) == calm
        ledger = trial.client.ledger
        say(
            f"KILL_SEED={SEED}: {trial.kills} kills in {time.monotonic() - began:.0f} s,"
            f" {ledger.accepted} uploads accepted, {ledger.repeated} requests sent again;"
            f" slowest recovery {trial.slowest_s:.1f} s, longest wait of a client"
            f" {ledger.longest_wait_s:.1f} s, longest overdue lease"
            f" {trial.inspector.longest_overdue_s:.1f} s;"
            f" {sum(map(len, calm.chunks.values()))} chunks as in the undisturbed run"
        )
        assert trial.kills >= _FEWEST_KILLS
        assert trial.inspector.longest_overdue_s < trial.limit_s - _LEASE_S


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for a Unix socket, which every account may enter."""
    with tempfile.TemporaryDirectory(prefix="trial-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_whole_product_survives_kills(folder: Path) -> None:
    say(f"\nKILL_SEED={SEED}: the whole product on one machine")
    async with local_site(folder) as site:
        await run(site)


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_fleet_survives_kills(folder: Path, *, pooled: bool) -> None:
    say(f"\nKILL_SEED={SEED}: two servers and two workers, {'pooled' if pooled else 'direct'}")
    async with fleet_site(folder, pooled=pooled) as site:
        await run(site)
