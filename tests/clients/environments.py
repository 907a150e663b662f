"""Environments of generated clients: installed once per lock file, kept under build/."""

import asyncio
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.ci import require_program

ROOT = Path(__file__).parents[2]
_PYTHON_LOCK = ROOT / "requirements" / "clients.txt"
_TYPESCRIPT = Path(__file__).with_name("typescript")
_STAMP = ".installed"


async def python_environment() -> Path:
    """Give a virtual environment with the generator and what its clients need."""
    folder = _folder("python", _PYTHON_LOCK)
    if not (folder / _STAMP).exists():
        uv = Path(sys.executable).with_name("uv")
        await run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder)
        target = ("--python", folder / "bin" / "python")
        await run(uv, "pip", "sync", "--quiet", "--require-hashes", *target, _PYTHON_LOCK)
        (folder / _STAMP).touch()
    return folder


async def node_modules() -> Path:
    """Give a folder of Node packages with generator, client library and compiler."""
    lock = _TYPESCRIPT / "package-lock.json"
    folder = _folder("typescript", lock)
    if not (folder / _STAMP).exists():
        folder.mkdir(parents=True, exist_ok=True)
        for file in (lock, _TYPESCRIPT / "package.json", _TYPESCRIPT / ".npmrc"):
            (folder / file.name).write_bytes(file.read_bytes())
        npm = require_program("npm")
        await run(npm, "ci", "--ignore-scripts", "--no-progress", "--prefix", folder)
        (folder / _STAMP).touch()
    return folder / "node_modules"


async def run(
    *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a program to its end and give what it printed; its failure fails the test."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    text = printed.decode()
    assert process.returncode == 0, f"{command[0]} failed:\n{text}"
    return text


def _folder(name: str, lock: Path) -> Path:
    version = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    return ROOT / "build" / "clients" / f"{name}-{version}"
