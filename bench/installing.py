"""What a production installation takes on disk."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Budget, Figure

_ROOT = Path(__file__).parents[1]
_MEBIBYTE = 1024 * 1024


async def measure_installing(folder: Path) -> Sequence[Figure]:
    """Install the locked requirements and the product into a fresh environment, and weigh it."""
    uv = Path(sys.executable).with_name("uv")
    environment = folder / "installed"
    target = ("--quiet", "--python", environment / "bin" / "python")
    lock = _ROOT / "requirements" / "run.txt"
    await _run(uv, "venv", "--quiet", "--python", sys.executable, environment)
    await _run(uv, "pip", "sync", *target, "--require-hashes", lock)
    await _run(
        uv, "pip", "install", *target, "--no-deps", _ROOT / "packages/muniment-minilm", _ROOT
    )
    files = [path for path in environment.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files) / _MEBIBYTE
    return [Figure("installed", "environment without caches", size, "MB", budget=Budget(500))]


async def _run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait() != 0:
        raise RuntimeError(f"{command[1]} failed")
