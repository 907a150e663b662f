"""Locks outlive nobody."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from muniment.postgres.embedded.locks import is_locked, locked, try_lock, unlock


class TestTryLock:
    def test_shared_holders_keep_a_lone_one_out_until_the_last_leaves(self, root: Path) -> None:
        path = root / "lock"
        first, second = try_lock(path, shared=True), try_lock(path, shared=True)
        assert first is not None
        assert second is not None
        unlock(first)
        assert try_lock(path) is None
        unlock(second)
        assert not is_locked(path)

    def test_a_link_in_its_place_is_not_followed(self, root: Path) -> None:
        (root / "lock").symlink_to(root / "elsewhere")
        with pytest.raises(OSError, match="symbolic links"):
            try_lock(root / "lock")
        assert not (root / "elsewhere").exists()

    async def test_a_child_that_inherits_it_holds_it_until_it_is_killed(self, root: Path) -> None:
        descriptor = try_lock(root / "lock")
        assert descriptor is not None
        sleeper = "import time; time.sleep(60)"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", sleeper, pass_fds=(descriptor,)
        )
        os.close(descriptor)
        assert is_locked(root / "lock")
        child.kill()
        await child.wait()
        assert not is_locked(root / "lock")


class TestLocked:
    async def test_the_second_waits_for_the_first(self, root: Path) -> None:
        order: list[str] = []

        async def enter(name: str) -> None:
            async with locked(root / "lock"):
                order.append(f"{name} in")
                await asyncio.sleep(0.05)
                order.append(f"{name} out")

        await asyncio.gather(enter("a"), enter("b"))
        assert order in (
            ["a in", "a out", "b in", "b out"],
            ["b in", "b out", "a in", "a out"],
        )
