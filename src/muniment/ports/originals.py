"""The port to the store of originals: the bytes as they were given to us."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from muniment.kit.errors import UnavailableError
from muniment.kit.plugins import PluginGroup


@dataclass(frozen=True, slots=True)
class StoredOriginal:
    """What was stored: its key, size in bytes and SHA-256 (hexadecimal)."""

    key: str
    size: int
    sha256: str


class OriginalTooLargeError(Exception):
    """More bytes came than are allowed; nothing was kept."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"larger than {limit} bytes")
        self.limit = limit


class OriginalMissingError(Exception):
    """There is no original under this key."""


class OriginalsFullError(UnavailableError):
    """The store of originals has no space left; nothing was kept."""

    code = "storage_full"
    status = 507
    title = "No space left for originals"


class Originals(Protocol):
    """Keeps bytes durably under opaque keys."""

    def new_key(self) -> str:
        """Choose the key of bytes that are to be stored; it is written down before they are."""
        ...

    async def put(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int
    ) -> StoredOriginal:
        """Store a stream under a new key; when this returns the bytes survive a power cut.

        Raises OriginalTooLargeError, and OriginalMissingError if `delete` took it away meanwhile.
        """
        ...

    async def free_bytes(self) -> int | None:
        """Tell how much more can be stored; None where nobody knows."""
        ...

    def local_file(self, key: str) -> AbstractAsyncContextManager[Path]:
        """Give the bytes as a local file while the block runs. Raises OriginalMissingError."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to `end` or the last. Raises OriginalMissingError."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the bytes, and what a `put` that never ended has left under the key.

        No error when nothing is there.
        """
        ...

    def list_keys(self, older_than: timedelta) -> AsyncIterator[list[str]]:
        """Give the keys under which something was stored so long ago, some at a time.

        Those of a `put` that never ended as well. In no order, and in bounded memory.
        """
        ...

    async def missing(self, keys: Sequence[str]) -> frozenset[str]:
        """Tell under which of the keys there is no original."""
        ...


ORIGINALS = PluginGroup[Originals]("muniment.originals", "originals")
"""How a store of originals is found: by the name of its entry point."""
