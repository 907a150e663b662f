"""kill -9 of anything at any moment, again and again, while documents come in and go.

In the end everything is there that was accepted, once, and equal to a run that nobody disturbed;
and nothing else is. `KILL_SEED=7 make trial` draws other documents, strikes and moments; how the
processes meet them differs from run to run.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.trials.items import Item, draw_items
from tests.trials.running import SEED, Trial, a_trial, assert_nothing_left, say
from tests.trials.sites import Site, fleet_site, local_site

DOCUMENTS = 200
STRIKES = 24
_FEWEST_KILLS = 20
_UPLOADERS = 3
_LONGEST_PAUSE_S = 1.0
_LEASE_S = 15.0

Strike = Callable[[], Awaitable[int]]
pytestmark = [pytest.mark.timeout(900)]


class Storm:
    """Documents come in, strikes fall."""

    def __init__(self, trial: Trial, collection: str) -> None:
        self._trial = trial
        self._site, self._client, self._dice = trial.site, trial.client, trial.dice
        self._collection = collection
        self._waiting: asyncio.Queue[Item | None] = asyncio.Queue()
        self.kills = 0
        self.slowest_s = 0.0

    async def bring(self, items: Sequence[Item]) -> None:
        """Bring everything in while strikes fall."""
        plain = [item for item in items if len(item.contents) == 1 and not item.is_deleted]
        cut = self._dice.sample(plain, STRIKES)  # more than will be needed
        rest = [item for item in items if item not in cut]
        deck = self._deck(cut)
        async with asyncio.TaskGroup() as group:
            for _ in range(_UPLOADERS):
                group.create_task(self._upload())
            for number, (name, strike) in enumerate(deck):
                share = rest[number :: len(deck)]
                middle = self._dice.randint(0, len(share))
                self._release(share[:middle])
                await asyncio.sleep(self._dice.uniform(0, _LONGEST_PAUSE_S))
                began = time.monotonic()
                struck = await self._strike(strike)
                self._release(share[middle:])
                await self._recover(number, name, struck, began)
            self._release(cut)
            for _ in range(_UPLOADERS):
                self._waiting.put_nowait(None)
        await self._trial.wait_until_ready(self._collection)

    def _deck(self, cut: list[Item]) -> list[tuple[str, Strike]]:
        """Draw which strike falls when; each kind comes about as often as any other."""

        async def cut_upload() -> int:
            item = cut.pop()
            await self._client.cut_upload(self._collection, item, self._dice)
            self._release([item])
            return 0

        kinds: list[tuple[str, Strike]] = [
            *((part.name, partial(self._site.kill_part, part)) for part in self._site.parts),
            ("readers", self._site.kill_readers),
            ("database", self._site.kill_database),
            ("everything", self._site.kill_everything),
            ("connections", self._site.cut_connections),
            ("upload", cut_upload),
        ]
        deck = (kinds * STRIKES)[:STRIKES]
        self._dice.shuffle(deck)
        return deck

    def _release(self, items: Sequence[Item]) -> None:
        for item in items:
            self._waiting.put_nowait(item)

    async def _upload(self) -> None:
        while (item := await self._waiting.get()) is not None:
            await self._client.bring(self._collection, item, run="storm")

    async def _strike(self, strike: Strike) -> int:
        self._site.note_processes()
        struck = await asyncio.wait_for(strike(), self._trial.limit_s)
        self.kills += struck > 0
        return struck

    async def _recover(self, number: int, name: str, struck: int, began: float) -> None:
        """Wait until every server answers and another document is ready; it has 30 seconds."""
        await self._client.wait_until_served()
        served_s = time.monotonic() - began
        before = await self._trial.count_ready(self._collection)
        while (
            now := await self._trial.count_ready(self._collection)
        ) == before and await self._trial.unfinished(self._collection):
            assert time.monotonic() - began < self._trial.limit_s, (
                f"no document became ready after {name}"
            )
            await asyncio.sleep(0.1)
        took_s = time.monotonic() - began
        self.slowest_s = max(self.slowest_s, took_s)
        say(
            f"{number + 1:3} {name:12} {struck:3} processes, answers after {served_s:4.1f} s,"
            f" documents after {took_s:4.1f} s, {now} ready"
        )
        assert took_s < self._trial.limit_s


async def bring_calmly(trial: Trial, items: Sequence[Item]) -> str:
    """Bring everything in undisturbed; give the collection."""
    collection = await trial.client.make_collection("Calm")
    began = time.monotonic()
    for first in range(0, len(items), _UPLOADERS):
        async with asyncio.TaskGroup() as group:
            for item in items[first : first + _UPLOADERS]:
                group.create_task(trial.client.bring(collection, item, run="calm"))
    await trial.wait_until_ready(collection, 4 * trial.limit_s)
    say(f"undisturbed: {time.monotonic() - began:.0f} s")
    return collection


async def assert_promises_kept(trial: Trial, collection: str, items: Sequence[Item]) -> None:
    """Compare what is there with what was answered."""
    ledger = trial.client.ledger
    statuses = await trial.client.statuses(collection)
    assert set(statuses) == {entry.id for entry in ledger.kept.values()}
    assert set(ledger.kept) == {item.name for item in items if not item.is_deleted}
    versions = {item.name: len(item.contents) for item in items if not item.is_deleted}
    assert {name: entry.version for name, entry in ledger.kept.items()} == versions


async def run(site: Site) -> None:
    """Bring the same documents in twice, calmly and under strikes, and compare."""
    items = draw_items(random.Random(f"{SEED} documents"), DOCUMENTS)
    async with a_trial(site) as trial:
        await trial.measure_start()
        calm = await trial.inspector.contents(await bring_calmly(trial, items))
        trial.client.forget()
        began = time.monotonic()
        collection = await trial.client.make_collection("Storm")
        storm = Storm(trial, collection)
        await storm.bring(items)
        await assert_promises_kept(trial, collection, items)
        assert await trial.inspector.contents(collection) == calm
        await assert_nothing_left(trial)
        assert await trial.inspector.contents(collection) == calm
        ledger = trial.client.ledger
        say(
            f"KILL_SEED={SEED}: {storm.kills} kills in {time.monotonic() - began:.0f} s,"
            f" {ledger.accepted} uploads accepted, {ledger.repeated} requests sent again;"
            f" slowest recovery {storm.slowest_s:.1f} s, longest wait of a client"
            f" {ledger.longest_wait_s:.1f} s, longest overdue lease"
            f" {trial.inspector.longest_overdue_s:.1f} s;"
            f" {sum(map(len, calm.chunks.values()))} chunks as in the undisturbed run"
        )
        assert storm.kills >= _FEWEST_KILLS
        assert trial.inspector.longest_overdue_s < trial.limit_s - _LEASE_S


async def test_whole_product_survives_kills(folder: Path) -> None:
    say(f"\nKILL_SEED={SEED}: the whole product on one machine")
    async with local_site(folder) as site:
        await run(site)


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
async def test_fleet_survives_kills(folder: Path, *, pooled: bool) -> None:
    say(f"\nKILL_SEED={SEED}: two servers and two workers, {'pooled' if pooled else 'direct'}")
    async with fleet_site(folder, pooled=pooled) as site:
        await run(site)
