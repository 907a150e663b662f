"""What all trials share: a running site, a client with its patience, and a look at what is left."""

import asyncio
import os
import random
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tests.trials.client import PATIENCE_S, Client
from tests.trials.inspection import AWAY, Inspector
from tests.trials.parts import still_running
from tests.trials.sites import Site

SEED = int(os.environ.get("KILL_SEED") or secrets.randbelow(10**6))
_LEAVE_S = 10.0
_USUAL_START_S = 2.5
_START_S = 120.0


def say(words: str) -> None:
    """Print, whatever becomes of the test."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


@dataclass
class Trial:
    """A site under trial."""

    site: Site
    client: Client
    inspector: Inspector
    dice: random.Random
    limit_s: float = PATIENCE_S
    """How long a recovery may take: 30 s where the product starts as fast as it should."""

    async def measure_start(self) -> None:
        """Restart everything; on a machine too busy for that, recoveries may take longer."""
        self.client.patience_s = _START_S
        await self.client.wait_until_served()
        for part in self.site.parts:
            await part.stop()
        began = time.monotonic()
        await self.client.wait_until_served()
        took_s = time.monotonic() - began
        self.limit_s += max(0.0, 5 * (took_s - _USUAL_START_S))
        self.client.patience_s = self.limit_s
        say(f"a start takes {took_s:.1f} s, so a recovery may take {self.limit_s:.0f} s")

    async def count_ready(self, collection: str) -> int:
        """Count the documents that can be found."""
        statuses = await self.client.statuses(collection)
        return sum(status == "ready" for status in statuses.values())

    async def unfinished(self, collection: str) -> list[str]:
        """Name the documents that are not ready; none may have failed."""
        statuses = await self.client.statuses(collection)
        assert "failed" not in statuses.values(), await self.inspector.failures()
        return [key for key, status in statuses.items() if status != "ready"]

    async def wait_until_ready(self, collection: str, patience_s: float | None = None) -> None:
        """Wait until all documents are ready: as long as a recovery may take."""
        deadline = time.monotonic() + (patience_s or self.limit_s)
        while left := await self.unfinished(collection):
            assert time.monotonic() < deadline, f"not ready: {left}"
            await asyncio.sleep(0.1)


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
