"""Locks that the kernel lets go of when their holder dies, however it dies.

An flock belongs to an open file, and a process hands it on to the children that inherit the
file. So "is a process of the server alive" and "is anybody attached" are questions to the
kernel: a killed process, a zombie, a reused process number and a process in another container
are all answered rightly, where a list of process numbers would have to guess.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from muniment.postgres.embedded.files import PRIVATE_FILE

_RETRY_S = 0.02


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Take the lock and give the descriptor that holds it, or None if it is taken."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:  # boundary: passed on; the descriptor is not left open
        os.close(descriptor)
        raise
    return descriptor


def unlock(descriptor: int) -> None:
    """Let go of a lock, even if a forked child still has the file open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Tell whether anybody holds the lock."""
    descriptor = try_lock(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the lock alone, waiting for it as long as it takes."""
    while (descriptor := try_lock(path)) is None:  # noqa: ASYNC110 - another process holds it
        await asyncio.sleep(_RETRY_S)
    try:
        yield
    finally:
        unlock(descriptor)
