"""Bytes on their way in: a row speaks of them from before the first one until a document does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from muniment.adapters.originals.filesystem import FilesystemOriginals
from muniment.ingestion.abandoned import sweep_abandoned
from muniment.library.errors import UploadOverdueError
from muniment.library.service.intake import Intake
from muniment.ports.originals import OriginalTooLargeError
from muniment.postgres.unit_of_work import Scope
from tests.contracts.originals import broken_stream, stream
from tests.library.arrange import Shelf, jobs_of, pending_in
from tests.support.database import TestDatabase
from tests.support.statements import counted_statements

SCOPE = Scope(1)


class StuckOriginals(FilesystemOriginals):
    """A store that cannot delete any more."""

    @override
    async def delete(self, key: str) -> None:
        raise OSError("read-only file system")


@pytest.fixture
def intake(database: TestDatabase, tmp_path: Path) -> Intake:
    return Intake(database.serving, FilesystemOriginals(tmp_path))


class TestStore:
    async def test_writes_the_key_down_before_the_first_byte(
        self, intake: Intake, database: TestDatabase, tmp_path: Path
    ) -> None:
        async def content() -> AsyncIterator[bytes]:
            assert await pending_in(database) == 1
            yield b"words"

        stored = await intake.store(SCOPE, content(), max_bytes=10)
        assert await pending_in(database) == 1
        assert [file.name for file in Shelf.files_in(tmp_path)] == [stored.key]

    async def test_leaves_neither_bytes_nor_row_of_what_broke_off(
        self, intake: Intake, database: TestDatabase, tmp_path: Path
    ) -> None:
        with pytest.raises(ConnectionResetError):
            await intake.store(SCOPE, broken_stream(b"half"), max_bytes=10)
        with pytest.raises(OriginalTooLargeError):
            await intake.store(SCOPE, stream(b"too much"), max_bytes=5)
        assert await pending_in(database) == 0
        assert Shelf.files_in(tmp_path) == frozenset()

    async def test_leaves_neither_bytes_nor_row_when_cancelled(
        self, intake: Intake, database: TestDatabase, tmp_path: Path
    ) -> None:
        begun = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 2_000_000
                begun.set()

        storing = asyncio.create_task(intake.store(SCOPE, endless(), max_bytes=1 << 40))
        await begun.wait()
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
        assert await pending_in(database) == 0
        assert Shelf.files_in(tmp_path) == frozenset()

    async def test_fails_when_what_it_stored_was_cleared_away_meanwhile(
        self, intake: Intake, database: TestDatabase, tmp_path: Path
    ) -> None:
        originals = FilesystemOriginals(tmp_path)

        async def slow() -> AsyncIterator[bytes]:
            yield b"x" * 2_000_000
            assert await sweep_abandoned(database.worker, timedelta(0)) == 1
            [(kind, key)] = await jobs_of(database)
            assert kind == "purge_original"
            await originals.delete(key)

        with pytest.raises(UploadOverdueError):
            await intake.store(SCOPE, slow(), max_bytes=10_000_000)
        assert await pending_in(database) == 0
        assert Shelf.files_in(tmp_path) == frozenset()


class TestDiscard:
    async def test_removes_bytes_and_rows(
        self, intake: Intake, database: TestDatabase, tmp_path: Path
    ) -> None:
        stored = [await intake.store(SCOPE, stream(b"words"), max_bytes=10) for _ in range(3)]
        await intake.discard(SCOPE, [one.key for one in stored[:2]])
        assert await pending_in(database) == 1
        assert [file.name for file in Shelf.files_in(tmp_path)] == [stored[2].key]

    async def test_leaves_the_row_with_bytes_that_cannot_be_removed(
        self, database: TestDatabase, tmp_path: Path
    ) -> None:
        intake = Intake(database.serving, StuckOriginals(tmp_path))
        stored = await intake.store(SCOPE, stream(b"words"), max_bytes=10)
        with capture_logs() as log:
            await intake.discard(SCOPE, [stored.key])
        assert [entry["event"] for entry in log] == ["originals_left_to_the_sweep"]
        assert await pending_in(database) == 1

    async def test_does_not_touch_another_tenants_rows(
        self, intake: Intake, database: TestDatabase
    ) -> None:
        stored = await intake.store(SCOPE, stream(b"words"), max_bytes=10)
        await intake.discard(Scope(2), [stored.key])
        assert await pending_in(database) == 1


class TestDeposit:
    async def test_commits_less_often_than_it_stores(
        self, intake: Intake, database: TestDatabase, tmp_path: Path
    ) -> None:
        with counted_statements() as statements:
            async with intake.deposit(SCOPE) as deposit:
                stored = [
                    await deposit.store(stream(b"words %d" % number), max_bytes=10)
                    for number in range(9)
                ]

        writes = [statement for statement in statements if statement.startswith("INSERT")]
        assert len(writes) == 3
        assert len({one.key for one in stored}) == 9
        assert await pending_in(database) == len(stored)
        files = {file.name for file in Shelf.files_in(tmp_path)}
        assert files == {one.key for one in stored}

    async def test_leaves_no_key_that_holds_nothing(
        self, intake: Intake, database: TestDatabase, tmp_path: Path
    ) -> None:
        kept = []

        async def store_until_it_breaks() -> None:
            async with intake.deposit(SCOPE) as deposit:
                kept.append(await deposit.store(stream(b"words"), max_bytes=10))
                await deposit.store(broken_stream(b"half"), max_bytes=10)

        with pytest.raises(ConnectionResetError):
            await store_until_it_breaks()

        assert await pending_in(database) == len(kept)
        files = {file.name for file in Shelf.files_in(tmp_path)}
        assert files == {one.key for one in kept}
