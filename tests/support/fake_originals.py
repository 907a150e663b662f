"""Originals kept in memory, for tests of what happens with them."""

import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from typing_extensions import override

from muniment.kit.ids import new_id
from muniment.ports.originals import (
    OriginalMissingError,
    Originals,
    OriginalTooLargeError,
    StoredOriginal,
)


class FakeOriginals(Originals):
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.young: set[str] = set()
        """Keys of those that were stored just now; all others are old."""

    def add(self, content: bytes, key: str | None = None) -> StoredOriginal:
        key = key or self.new_key()
        self.files[key] = content
        return StoredOriginal(key, len(content), hashlib.sha256(content).hexdigest())

    @override
    def new_key(self) -> str:
        return new_id().hex

    @override
    async def put(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int
    ) -> StoredOriginal:
        content = b"".join([chunk async for chunk in chunks])
        if len(content) > max_bytes:
            raise OriginalTooLargeError(max_bytes)
        return self.add(content, key)

    @override
    async def free_bytes(self) -> int | None:
        return None

    @override
    @asynccontextmanager
    async def local_file(self, key: str) -> AsyncIterator[Path]:
        if key not in self.files:
            raise OriginalMissingError
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / key
            path.write_bytes(self.files[key])
            yield path

    @override
    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if key not in self.files:
            raise OriginalMissingError
        yield self.files[key][start:end]

    @override
    async def delete(self, key: str) -> None:
        self.files.pop(key, None)

    @override
    async def list_keys(self, older_than: timedelta) -> AsyncIterator[list[str]]:
        yield [key for key in self.files if key not in self.young]

    @override
    async def missing(self, keys: Sequence[str]) -> frozenset[str]:
        return frozenset(keys) - self.files.keys()
