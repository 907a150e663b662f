"""Originals as files in a folder: synced to disk before anybody relies on them.

A stream goes to a temporary file beside its final place, is synced, renamed, and the folder is
synced: after that a power cut leaves the whole file, before it nothing but the temporary one, which
whoever knows the key can remove. Keys are random and decide the place alone; the name that a person
gave a file never touches the disk.
"""

import asyncio
import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from threading import RLock
from typing import Final, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.plugins import PluginFactory
from muniment.ports.originals import (
    OriginalMissingError,
    Originals,
    OriginalsFullError,
    OriginalTooLargeError,
    StoredOriginal,
)

P = ParamSpec("P")
T = TypeVar("T")

_KEY: Final = re.compile(r"[0-9a-f]{32}")
_NAME: Final = re.compile(r"\.?([0-9a-f]{32})(?:\.part)?")
_KEYS_AT_ONCE: Final = 1000
_WRITE_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 18
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FilesystemSettings(BaseModel):
    """Settings of the folder of originals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path = Field(description="Folder that holds the originals; made when it is not there.")


class FilesystemOriginals:
    """Keeps originals in a folder, spread over subfolders; for the owner of the process alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def new_key(self) -> str:
        """Choose a key that nobody can guess or meet by accident."""
        return token_hex(16)

    async def put(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int
    ) -> StoredOriginal:
        """Store a stream.

        Raises OriginalTooLargeError, OriginalsFullError, and OriginalMissingError if it was
        deleted while it came.
        """
        incoming = _Incoming(self._path(key))
        try:
            await _full_told(incoming.open)
            stored = await _receive(incoming, key, _blocks(chunks), max_bytes)
            incoming.is_handed_over = True
        finally:
            if not incoming.is_handed_over:
                await asyncio.shield(asyncio.to_thread(incoming.discard))
        return stored

    async def free_bytes(self) -> int | None:
        """Tell how much space the disk has left for this account."""
        return await asyncio.to_thread(_free_bytes, self._root)

    @asynccontextmanager
    async def local_file(self, key: str) -> AsyncIterator[Path]:
        """Give the file itself; nobody may write to it. Raises OriginalMissingError."""
        path = self._path(key)
        if not await asyncio.to_thread(path.is_file):
            raise OriginalMissingError
        yield path

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to `end` or the last. Raises OriginalMissingError."""
        path = self._path(key)
        try:
            file = await asyncio.to_thread(path.open, "rb")
        except FileNotFoundError:
            raise OriginalMissingError from None
        with file:
            position = await asyncio.to_thread(file.seek, start)
            while block := await asyncio.to_thread(file.read, _next_bytes(position, end)):
                position += len(block)
                yield block

    async def delete(self, key: str) -> None:
        """Remove the bytes and an unfinished file; no error when nothing is there."""
        await asyncio.to_thread(_remove, self._path(key))

    async def list_keys(self, older_than: timedelta) -> AsyncIterator[list[str]]:
        """Walk through the subfolders, one after the other."""
        before = time.time() - older_than.total_seconds()
        for number in range(256):
            keys = await asyncio.to_thread(_keys_in, self._root / f"{number:02x}", before)
            for first in range(0, len(keys), _KEYS_AT_ONCE):
                yield keys[first : first + _KEYS_AT_ONCE]

    async def missing(self, keys: Sequence[str]) -> frozenset[str]:
        """Look for each file."""
        return await asyncio.to_thread(self._missing, keys)

    def _missing(self, keys: Sequence[str]) -> frozenset[str]:
        return frozenset(
            key for key in keys if not _KEY.fullmatch(key) or not self._path(key).is_file()
        )

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise OriginalMissingError
        return self._root / key[:2] / key


def _next_bytes(position: int, end: int | None) -> int:
    return _READ_BYTES if end is None else min(_READ_BYTES, max(end - position, 0))


class _Incoming:
    """A file that is not there yet: it gets its name when all of it is on disk.

    A thread may still be writing when its request is cancelled, so each step holds a lock.
    """

    def __init__(self, final: Path) -> None:
        self._final = final
        self._temporary = _unfinished(final)
        self._descriptor: int | None = None
        self._is_discarded = False
        self._digest = hashlib.sha256()
        self._lock = RLock()
        self.is_handed_over = False
        """Somebody knows the key by now, so the file stays."""

    def open(self) -> None:
        """Make the temporary file, and the folders above it."""
        with self._lock:
            if self._is_discarded:
                return
            _make_folders(self._final.parent)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._temporary, flags, 0o600)

    def end(self, block: bytes) -> str:
        """Add the last block, sync the file and give it its name; give the SHA-256."""
        with self._lock:
            self.write(block)
            return self._keep()

    def write(self, block: bytes) -> None:
        """Add a block; the system may take it in several bites."""
        with self._lock:
            self._digest.update(block)
            rest = memoryview(block)
            while rest:
                rest = rest[os.write(self._open_descriptor(), rest) :]

    def _keep(self) -> str:
        os.fsync(self._open_descriptor())
        self._close()
        try:
            self._temporary.rename(self._final)
        except FileNotFoundError:
            raise OriginalMissingError from None
        _sync_folder(self._final.parent)
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Leave nothing behind, unless somebody was given the key."""
        with self._lock:
            self._is_discarded = True
            self._close()
            self._temporary.unlink(missing_ok=True)
            if not self.is_handed_over:
                self._final.unlink(missing_ok=True)

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise ValueError("the file is closed")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


async def _receive(
    incoming: _Incoming, key: str, blocks: AsyncIterator[bytes], max_bytes: int
) -> StoredOriginal:
    """Store the blocks, each in a trip to a thread; the last one's ends the file as well."""
    block, size = await anext(blocks, b""), 0
    while True:
        size += len(block)
        if size > max_bytes:
            raise OriginalTooLargeError(max_bytes)
        following = await anext(blocks, None)
        if following is None:
            return StoredOriginal(key, size, await _full_told(incoming.end, block))
        await _full_told(incoming.write, block)
        block = following


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Gather small chunks, so that a trip to a thread pays."""
    gathered = bytearray()
    async for chunk in chunks:
        gathered += chunk
        if len(gathered) >= _WRITE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def _full_told(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what touches the disk in a thread; a full disk is told from a broken one."""
    try:
        return await asyncio.to_thread(act, *args, **kwargs)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise OriginalsFullError(
            "There is no space left to keep this file.",
            hint="Nothing was kept; ask the operator to make space, then send it again.",
            retry_after_s=60,
        ) from error


def _keys_in(folder: Path, before: float) -> list[str]:
    """Give the keys of the files of a subfolder that were last written before a time."""
    found: set[str] = set()
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            key = _NAME.fullmatch(entry.name)
            with suppress(FileNotFoundError):  # it may go while we look
                if key is not None and entry.stat(follow_symlinks=False).st_mtime < before:
                    found.add(key[1])
    return sorted(found)


def _free_bytes(folder: Path) -> int:
    while not folder.exists():  # it is made with the first original
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _make_folders(folder: Path) -> None:
    """Make what is missing, each folder for its owner alone: `parents` of mkdir would not."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unfinished(final: Path) -> Path:
    return final.with_name(f".{final.name}.part")


def _remove(path: Path) -> None:
    # The unfinished file first: if it gets its name before, it is gone with that, and if it would
    # get it afterwards, it has nothing to give a name to.
    for each in (_unfinished(path), path):
        with suppress(FileNotFoundError):
            each.unlink()
            _sync_folder(each.parent)


def create(settings: FilesystemSettings) -> Originals:
    """Make the store in a folder."""
    return FilesystemOriginals(settings.root)


PLUGIN = PluginFactory(settings_model=FilesystemSettings, create=create)
