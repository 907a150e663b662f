"""A worker that one document kills at every attempt; a program, started again by its test.

It reads its orders as JSON from standard input. Everything is as in the product but for the
embedder, which ends the process by SIGKILL when it meets a certain word: as a library does that
crashes, or a system without memory.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text
from typing_extensions import override

from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.app.container import open_shared, open_worker
from muniment.app.settings import Settings
from muniment.ports.embedding import Purpose, Vector
from muniment.postgres.engine import DatabaseUrls, create_engine
from muniment.postgres.unit_of_work import Transactions

POISON = "hemlock"
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Orders:
    """Where to work, and on how much at once."""

    owner: str
    serving: str
    worker: str
    folder: str
    concurrency: int

    def as_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()


class DeadlyEmbedder(HashingEmbedder):
    """Dies of one word, a while after the others of its time have begun."""

    @override
    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "passage") -> list[Vector]:
        if any(POISON in each for each in texts):
            await asyncio.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        # Slow enough to be at work when another document kills the process.
        await asyncio.sleep(1)
        return await super().embed(texts, purpose=purpose)


async def work_off(orders: Orders) -> None:
    """Work until no job waits or runs any more."""
    settings = Settings.model_validate(
        {
            "data_dir": Path(orders.folder),
            "embedding": {"space": "hashing"},
            "ingestion": {"concurrency": orders.concurrency, "lease": 1.5, "poll_interval": 0.05},
        }
    )
    urls = DatabaseUrls(*map(SecretStr, (orders.owner, orders.serving, orders.worker)))
    watching = create_engine(urls.worker, settings.database, application="watching")
    async with open_shared(settings) as shared:
        deadly = replace(shared, embedder=DeadlyEmbedder(HashingSettings()))
        async with open_worker(deadly, urls) as working, asyncio.TaskGroup() as group:
            group.create_task(working.worker.run())
            while await _open_jobs(Transactions(watching)):
                await asyncio.sleep(_LOOK_EVERY_S)
            working.worker.stop()
    await watching.dispose()


async def _open_jobs(transactions: Transactions) -> int:
    async with transactions.begin(None) as session:
        found = await session.execute(text("select count(*) from job where state <> 'parked'"))
        return int(found.scalar_one())


if __name__ == "__main__":
    asyncio.run(work_off(Orders(**json.load(sys.stdin))))
