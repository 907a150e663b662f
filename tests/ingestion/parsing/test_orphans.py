"""A child never outlives its parent, however the parent dies."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from muniment.ingestion.parsing.wire import ParseRequest, Start, pack
from tests.ingestion.parsing.conftest import ROGUE, Act

PARENT = """
import asyncio, sys
from pathlib import Path
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.parsing.wire import ParserSelection

async def main():
    pool = ParserPool(ParsingSettings(), ParserSelection(("rogue:PLUGIN",), (sys.argv[1],)))
    named = await pool.parse(Path(sys.argv[2]), "test/rogue")
    print(named.text, flush=True)
    await pool.parse(Path(sys.argv[3]), "test/rogue")
    await asyncio.sleep(60)

asyncio.run(main())
"""


def is_gone(pid: int) -> bool:
    """Wait a little for a process to end; a zombie of another parent counts as ended."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("doing", ["name", "hang", "spin"])
def test_a_child_dies_with_a_parent_that_is_killed(act: Act, doing: str) -> None:
    arguments = [ROGUE.import_path[0], str(act("name")), str(act(doing))]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *arguments], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()
    assert is_gone(child)


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """A child started by hand, with nothing but its pipes."""
    command = [sys.executable, "-I", "-m", "muniment.ingestion.parsing.child", str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("doing", [None, "hang", "spin"])
def test_the_end_of_standard_input_ends_a_child_in_mid_document(
    child: "subprocess.Popen[bytes]", act: Act, doing: str | None
) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(pack(Start(ROGUE, 2**30)))
    child.stdin.flush()
    assert child.stdout.read(4)
    if doing:
        child.stdin.write(pack(ParseRequest(str(act(doing)), "test/rogue", 60, 1000)))
    child.stdin.close()
    assert child.wait(5) == 0


def test_a_child_whose_parent_is_gone_already_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-m", "muniment.ingestion.parsing.child", "1"]
    assert subprocess.run(command, stdin=subprocess.PIPE, timeout=10, check=False).returncode == 0
