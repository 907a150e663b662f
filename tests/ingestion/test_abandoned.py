"""The sweep of originals that no document has taken over."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from muniment.ingestion.abandoned import sweep_abandoned
from muniment.ingestion.repository import IngestionRepository
from muniment.ingestion.worker import Worker
from muniment.postgres.unit_of_work import Scope
from tests.support.database import TestDatabase
from tests.support.fake_originals import FakeOriginals
from tests.support.library_rows import LibraryRows

GRACE = timedelta(hours=24)


class Rows:
    """Rows of pending originals, written and read as the owner."""

    def __init__(self, database: TestDatabase, originals: FakeOriginals) -> None:
        self._database = database
        self._originals = originals

    async def add(self, age: timedelta, tenant_id: int = 1, key: str | None = None) -> str:
        """Add an original with a row of some age."""
        key = key or self._originals.add(b"words").key
        async with self._database.owner.begin() as owner:
            await owner.execute(
                text(
                    "insert into pending_original values"
                    " (:key, :tenant, now() - cast(:age as interval))"
                ),
                {"key": key, "tenant": tenant_id, "age": age},
            )
        return key

    async def left(self) -> set[str]:
        async with self._database.owner.connect() as owner:
            return set((await owner.execute(text("select key from pending_original"))).scalars())

    async def jobs(self) -> list[tuple[int, str]]:
        async with self._database.owner.connect() as owner:
            found = await owner.execute(
                text("select tenant_id, key from job where kind = 'purge_original' order by 1, 2")
            )
            return [(row.tenant_id, row.key) for row in found]


@pytest.fixture
def rows(database: TestDatabase, originals: FakeOriginals) -> Rows:
    return Rows(database, originals)


OLD, YOUNG = timedelta(hours=25), timedelta(hours=23)


class TestSweep:
    async def test_removes_row_and_bytes_of_what_has_waited_too_long(
        self, rows: Rows, worker: Worker, database: TestDatabase, originals: FakeOriginals
    ) -> None:
        await rows.add(OLD)
        young = await rows.add(YOUNG)
        assert await sweep_abandoned(database.worker, GRACE) == 1
        assert await rows.left() == {young}
        while await worker.run_one():
            pass
        assert set(originals.files) == {young}

    async def test_goes_through_every_tenant(self, rows: Rows, database: TestDatabase) -> None:
        mine, theirs = await rows.add(OLD, 1), await rows.add(OLD, 2)
        assert await sweep_abandoned(database.worker, GRACE) == 2
        assert await rows.jobs() == [(1, mine), (2, theirs)]

    async def test_never_takes_what_a_version_names(
        self,
        rows: Rows,
        library: LibraryRows,
        database: TestDatabase,
        originals: FakeOriginals,
    ) -> None:
        """No commit leaves such a row; if there were one, the document would matter more."""
        await library.upload(b"words")
        [key] = originals.files
        await rows.add(OLD, library.tenant_id, key)
        assert await sweep_abandoned(database.worker, GRACE) == 0
        assert await rows.left() == set()
        assert await rows.jobs() == []

    async def test_of_several_workers_at_once_takes_each_original_once(
        self, rows: Rows, database: TestDatabase
    ) -> None:
        keys = [await rows.add(OLD) for _ in range(20)]
        swept = await asyncio.gather(*(sweep_abandoned(database.worker, GRACE) for _ in range(4)))
        assert sum(swept) == 20
        assert await rows.jobs() == [(1, key) for key in sorted(keys)]

    async def test_that_is_interrupted_has_done_nothing(
        self, rows: Rows, database: TestDatabase
    ) -> None:
        key = await rows.add(OLD)
        async with database.worker.begin(Scope(1)) as session:
            assert await IngestionRepository(session).take_abandoned(1, GRACE) == [key]
            await session.rollback()
        assert await rows.left() == {key}
        assert await sweep_abandoned(database.worker, GRACE) == 1
