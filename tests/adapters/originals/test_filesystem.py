import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from muniment.adapters.originals.filesystem import FilesystemOriginals
from muniment.kit.plugins import load_plugin
from muniment.ports.originals import (
    ORIGINALS,
    OriginalMissingError,
    OriginalsFullError,
    OriginalTooLargeError,
)
from tests.contracts.originals import OriginalsContract, broken_stream, stream


@pytest.fixture
def originals(tmp_path: Path) -> FilesystemOriginals:
    return FilesystemOriginals(tmp_path / "originals")


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TestContract(OriginalsContract):
    pass


class TestFreeSpace:
    async def test_is_told_before_the_first_original_makes_the_folder(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        free = await originals.free_bytes()

        assert free is not None
        assert 0 < free <= shutil.disk_usage(tmp_path).total
        assert not (tmp_path / "originals").exists()


class TestFiles:
    async def test_are_for_the_owner_alone(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        await originals.put(originals.new_key(), stream(b"secret"), max_bytes=10)
        [file] = files_in(tmp_path)
        assert file.stat().st_mode & 0o777 == 0o600
        folders = [file.parent, file.parent.parent, tmp_path / "originals"]
        assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}

    async def test_open_no_folder_that_they_make_above(self, tmp_path: Path) -> None:
        originals = FilesystemOriginals(tmp_path / "data" / "originals")
        await originals.put(originals.new_key(), stream(b"secret"), max_bytes=10)
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700

    async def test_are_spread_over_folders(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        key = (await originals.put(originals.new_key(), stream(b"x"), max_bytes=10)).key
        assert (tmp_path / "originals" / key[:2] / key).is_file()


class TestNothingIsLeft:
    async def test_of_a_stream_that_is_too_large(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        with pytest.raises(OriginalTooLargeError):
            await originals.put(originals.new_key(), stream(b"123456"), max_bytes=5)
        assert files_in(tmp_path) == []

    async def test_of_a_stream_that_breaks_off(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        with pytest.raises(ConnectionResetError):
            await originals.put(originals.new_key(), broken_stream(b"half"), max_bytes=5)
        assert files_in(tmp_path) == []

    async def test_of_a_cancelled_request(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        started = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 2_000_000
                started.set()

        async def put() -> None:
            await originals.put(originals.new_key(), endless(), max_bytes=1 << 40)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(put())
            await started.wait()
            task.cancel()
        assert files_in(tmp_path) == []

    async def test_of_a_put_that_never_ended(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        key = originals.new_key()
        await originals.put(key, stream(b"content"), max_bytes=10)
        [final] = files_in(tmp_path)
        final.rename(final.with_name(f".{key}.part"))
        await originals.delete(key)
        assert files_in(tmp_path) == []

    async def test_of_what_was_deleted_while_it_came(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        await self.test_of_a_put_that_never_ended(originals, tmp_path)
        key = originals.new_key()

        async def swept_away() -> AsyncIterator[bytes]:
            yield b"a" * 2_000_000
            assert len(files_in(tmp_path)) == 1
            await originals.delete(key)

        with pytest.raises(OriginalMissingError):
            await originals.put(key, swept_away(), max_bytes=10_000_000)
        assert files_in(tmp_path) == []

    async def test_of_a_full_disk(
        self,
        originals: FilesystemOriginals,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def refuse(_descriptor: int, _content: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(OriginalsFullError) as refused:
            await originals.put(originals.new_key(), stream(b"content"), max_bytes=10)
        assert refused.value.status == 507
        assert files_in(tmp_path) == []


class TestKeys:
    async def test_never_lead_out_of_the_folder(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        (tmp_path / "outside").write_bytes(b"outside")
        with pytest.raises(OriginalMissingError):
            await originals.delete("../outside")
        assert (tmp_path / "outside").exists()


def test_is_found_by_entry_point(tmp_path: Path) -> None:
    found = load_plugin(ORIGINALS, "filesystem", {"root": str(tmp_path)})
    assert isinstance(found, FilesystemOriginals)


class TestOldKeys:
    async def test_are_those_of_old_files_unfinished_ones_included(
        self, originals: FilesystemOriginals, tmp_path: Path
    ) -> None:
        old, young = "ab" * 16, "cd" * 16
        for key in (old, young):
            await originals.put(key, stream(b"content"), max_bytes=10)
        unfinished = tmp_path / "originals" / "ab" / f".{'ab' + '0' * 30}.part"
        unfinished.write_bytes(b"cont")
        (unfinished.parent / "notes.txt").write_text("not of ours")
        for file in files_in(tmp_path / "originals" / "ab"):
            os.utime(file, (0, 0))
        listed = [key async for some in originals.list_keys(timedelta(hours=1)) for key in some]
        assert listed == ["ab" + "0" * 30, old]
