"""Other processes that attach, and what the tests look up about processes."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import muniment
from muniment.postgres.embedded.locks import is_locked

ATTACH = """
import asyncio, sys
from pathlib import Path
import structlog
from muniment.postgres.embedded.supervisor import EmbeddedPostgres

# A log entry on a slow machine must not be taken for the address.
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1]), fsync=False) as urls:
        print(urls.serving.get_secret_value(), flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


def python_path() -> str:
    """Make our packages importable by a Python that is not the environment's own."""
    source = Path(next(iter(muniment.__path__))).parent
    packages = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    return f"{source}:{packages}"


async def attach_elsewhere(
    data_dir: Path, *, python: str = sys.executable, user: int | None = None
) -> tuple[Process, str]:
    """Start a process that attaches and waits for a line; give it and its serving URL."""
    process = await asyncio.create_subprocess_exec(
        *(python, "-c", ATTACH, str(data_dir)),
        env={"PYTHONPATH": python_path(), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=PIPE,
        stdout=PIPE,
        cwd="/",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    assert process.stdout is not None
    return process, (await process.stdout.readline()).decode().strip()


async def leave(process: Process) -> None:
    """Let such a process detach and end."""
    await process.communicate(b"\n")
    assert process.returncode == 0


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def is_up(data_dir: Path) -> bool:
    """Tell whether any process of the server is left."""
    return is_locked(data_dir / "server.lock")


def session_of(pid: int) -> int:
    return os.getsid(pid)
