import asyncio
from datetime import timedelta
from pathlib import Path

from structlog.testing import capture_logs

from muniment.app.container import open_shared, open_worker
from muniment.app.settings import Settings
from muniment.index.settings import VectorSettings
from muniment.index.spaces import ensure_space
from muniment.ingestion.chores import Chore, keep_doing
from muniment.ingestion.outage import Outage
from muniment.ingestion.settings import IngestionSettings
from muniment.ingestion.worker import Worker
from tests.support.database import TestDatabase

SOON = timedelta(milliseconds=5)


class Broom:
    """Counts how often it was used, and breaks as often as it was told to."""

    def __init__(self, breaks: int = 0, error: Exception | None = None) -> None:
        self.used = 0
        self._breaks = breaks
        self._error = error or OSError("the handle came off")

    async def sweep(self) -> None:
        self.used += 1
        if self.used <= self._breaks:
            raise self._error

    async def wait_until_used(self, times: int) -> None:
        async with asyncio.timeout(5):
            while self.used < times:
                await asyncio.sleep(0.001)


class TestKeepDoing:
    async def test_begins_at_once_and_goes_on(self) -> None:
        broom = Broom()
        doing = asyncio.create_task(keep_doing(Chore("sweep", SOON, broom.sweep), Outage()))
        await broom.wait_until_used(3)
        doing.cancel()

    async def test_waits_in_between(self) -> None:
        broom = Broom()
        doing = asyncio.create_task(
            keep_doing(Chore("sweep", timedelta(hours=1), broom.sweep), Outage())
        )
        await broom.wait_until_used(1)
        await asyncio.sleep(0.02)
        assert broom.used == 1
        doing.cancel()

    async def test_one_that_reads_everything_waits_before_it_begins(self) -> None:
        broom = Broom()
        later = Chore("scan", timedelta(hours=1), broom.sweep, at_once=False)
        doing = asyncio.create_task(keep_doing(later, Outage()))
        await asyncio.sleep(0.02)
        assert broom.used == 0
        doing.cancel()

    async def test_a_failure_is_logged_and_the_chore_is_tried_again(self) -> None:
        broom = Broom(breaks=2)
        with capture_logs() as log:
            doing = asyncio.create_task(keep_doing(Chore("sweep", SOON, broom.sweep), Outage()))
            await broom.wait_until_used(3)
            doing.cancel()
        failed = [entry["chore"] for entry in log if entry["event"] == "chore_failed"]
        assert failed == ["sweep", "sweep"]
        assert all("exc_info" in entry for entry in log)

    async def test_a_database_that_is_away_is_told_once_for_all(self) -> None:
        outage = Outage()
        brooms = [Broom(breaks=3, error=ConnectionRefusedError()) for _ in range(2)]
        with capture_logs() as log:
            doing = [
                asyncio.create_task(keep_doing(Chore("sweep", SOON, broom.sweep), outage))
                for broom in brooms
            ]
            for broom in brooms:
                await broom.wait_until_used(4)
            for task in doing:
                task.cancel()
        assert [entry["event"] for entry in log] == ["worker_waits"]
        assert "exc_info" not in log[0]


class TestWorker:
    async def test_a_failing_chore_ends_neither_the_worker_nor_the_others(
        self, database: TestDatabase
    ) -> None:
        good, bad = Broom(), Broom(breaks=1000)
        chores = [Chore("bad", SOON, bad.sweep), Chore("good", SOON, good.sweep)]
        worker = Worker(database.worker, {}, IngestionSettings(), chores=chores)
        running = asyncio.create_task(worker.run())
        await bad.wait_until_used(2)
        await good.wait_until_used(2)
        worker.stop()
        async with asyncio.timeout(5):
            await running
        used = good.used
        await asyncio.sleep(0.02)
        assert good.used == used

    async def test_that_of_the_product_sweeps_out_what_has_expired(
        self, database: TestDatabase, tmp_path: Path
    ) -> None:
        settings = Settings.model_validate(
            {"embedding": {"space": "hashing"}, "data_dir": str(tmp_path)}
        )
        async with open_shared(settings) as shared:
            async with database.owner.connect() as connection:
                await ensure_space(connection, shared.embedder.identity, VectorSettings())
            await add_keys(database)
            await add_originals(database)
            await add_erasures(database)
            async with open_worker(shared, database.urls) as working:
                running = asyncio.create_task(working.worker.run())
                async with asyncio.timeout(10):
                    while await keys_of(database) != ["fresh", "fresh erasure", "fresh original"]:
                        await asyncio.sleep(0.01)
                working.worker.stop()
                await running


async def add_keys(database: TestDatabase) -> None:
    """Add a key of now and one of the day before yesterday."""
    async with database.owner.begin() as owner:
        await owner.exec_driver_sql(
            "with t as (insert into tenant (name) values ('acme') returning id),"
            " a as (insert into account (id, tenant_id, issuer, subject)"
            " select gen_random_uuid(), id, 'urn:test', 'alice' from t returning id, tenant_id)"
            " insert into idempotency_key (account_id, tenant_id, route, key, fingerprint,"
            " locked_until, created_at) select a.id, a.tenant_id, 'r', k.key, ''::bytea, now(),"
            " now() - k.age from a, (values ('fresh', interval '0'), ('old', interval '2 days'))"
            " as k (key, age)"
        )


async def add_originals(database: TestDatabase) -> None:
    """Add an original of now and one of the day before yesterday, which no document has."""
    async with database.owner.begin() as owner:
        await owner.exec_driver_sql(
            "insert into pending_original values ('fresh original', 1, now()),"
            " ('0123456789abcdef0123456789abcdef', 1, now() - interval '2 days')"
        )


async def add_erasures(database: TestDatabase) -> None:
    """Add an erasure of yesterday, and one that no token of the built-in issuer outlives."""
    async with database.owner.begin() as owner:
        await owner.exec_driver_sql(
            "insert into erased_subject select id, e.name::bytea, now() - e.age from tenant,"
            " (values ('fresh erasure', interval '1 day'), ('old', interval '31 days'))"
            " as e (name, age)"
        )


async def keys_of(database: TestDatabase) -> list[str]:
    async with database.owner.connect() as owner:
        found = await owner.exec_driver_sql(
            "select key from idempotency_key union all select key from pending_original"
            " union all select convert_from(subject_hash, 'UTF8') from erased_subject order by 1"
        )
        return list(found.scalars())
