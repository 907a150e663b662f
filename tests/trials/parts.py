"""One process of the product, over a folder that outlives it, as a service manager sees it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

_COMMAND = Path(sys.executable).with_name("muniment")
_STOP_S = 30.0
_LAST_LINES, _LINE = 20, 2000
PARSER_MODULE = "muniment.ingestion.parsing.child"


class Part:
    """A command of the product that runs until it is killed, and is started again then."""

    def __init__(
        self,
        name: str,
        words: tuple[str, ...],
        folder: Path,
        logs: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._words = (*words, "--data-dir", str(folder))
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, unless it runs; its log goes on where it ended."""
        if self.is_running:
            return
        self.starts += 1
        with self.log.open("ab") as sink:
            self._process = await asyncio.create_subprocess_exec(
                _COMMAND,
                *self._words,
                env=surroundings(self._environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )

    async def kill(self) -> None:
        """End it without a word (kill -9), and nothing of what it has started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        process = self._process  # another one may take its place at once
        if process is not None and self.is_running:
            process.terminate()
            async with asyncio.timeout(_STOP_S):
                # One that has only just been started does not listen to signals yet.
                assert await process.wait() in {0, -signal.SIGTERM}, f"{self.name} ended badly"

    def family(self) -> list[psutil.Process]:
        """List it and the processes below it."""
        if self._process is None:
            return []
        try:
            own = psutil.Process(self._process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def complaints(self) -> str:
        """Give the last lines of its log that tell of more than ordinary work."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()
        told = [line for line in lines if '"level":"info"' not in line]
        return "\n".join(line[-_LINE:] for line in told[-_LAST_LINES:])

    def readers(self) -> list[psutil.Process]:
        """List its children that read documents."""
        return [process for process in self.family() if _is_reader(process)]


async def run_command(folder: Path, environment: Mapping[str, str], *words: str) -> str:
    """Run a command of the product to its end; it has to succeed."""
    process = await asyncio.create_subprocess_exec(
        _COMMAND,
        *words,
        *("--data-dir", folder),
        env=surroundings(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    return printed.decode().strip()


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the variables of a part: those of this process, with no settings but the given."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("MUNIMENT_")}
    return own | dict(environment)


def free_port() -> int:
    """Find a port that nobody listens on, for a server that keeps it over its restarts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill_all(processes: list[psutil.Process]) -> int:
    """Kill processes at once; give how many there were."""
    killed = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            killed += 1
    return killed


def still_running(processes: set[psutil.Process], patience_s: float) -> list[psutil.Process]:
    """List those that do not end within a while; a zombie has ended."""
    deadline = time.monotonic() + patience_s
    while left := [process for process in processes if _is_alive(process)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.1)
    return []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_reader(process: psutil.Process) -> bool:
    try:
        return any(PARSER_MODULE in word for word in process.cmdline())
    except psutil.Error:
        return False
