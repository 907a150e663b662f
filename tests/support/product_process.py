"""The product as real processes: started, killed and started again, as on a server."""

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_GREETING = re.compile(r"Muniment answers at (http://127\.0\.0\.1:\d+)")
_COMMAND = Path(sys.executable).with_name("muniment")
_LIMITS = json.dumps(
    {
        f"{kind}{what}": 1_000_000
        for kind in ("per_principal", "per_key", "per_address")
        for what in ("", "_burst")
    }
)
"""Of requests: counted as ever, and out of the way of whoever asks faster than people do."""
_START_S = 60.0
_STOP_S = 30.0
_POLL_S = 0.02


class ProductDiedError(Exception):
    """The product ended while somebody still needed it; its last words are the message."""


@dataclass
class ProductProcess:
    """`muniment up` on a free port, over a data directory that outlives it."""

    data_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings as variables, such as MUNIMENT_EMBEDDING__SPACE."""
    address: str = ""
    ready_after_s: float = 0.0
    """How long the last start took."""
    _process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process that serves and works; it has to run."""
        assert self._process is not None, "the product does not run"
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers. Raises ProductDiedError."""
        log = self.data_dir.with_suffix(".log")
        began = time.perf_counter()
        with log.open("wb") as sink:
            self._process = await asyncio.create_subprocess_exec(
                _COMMAND,
                *("up", "--port", "0", "--data-dir", self.data_dir),
                env=self.surroundings(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        while (greeting := _GREETING.search(log.read_text("utf-8"))) is None:
            if self._process.returncode is not None or time.perf_counter() - began > _START_S:
                raise ProductDiedError(log.read_text("utf-8")[-4000:])
            await asyncio.sleep(_POLL_S)
        self.address = greeting[1]
        self.ready_after_s = time.perf_counter() - began

    async def stop(self) -> None:
        """Ask it to end, as Ctrl-C would, and wait until it has."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
            self._process = None

    async def kill(self) -> None:
        """End it without a word (kill -9)."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def wait_for_end(self) -> int:
        """Wait until it has ended by itself; give its exit code."""
        assert self._process is not None, "the product does not run"
        code = await self._process.wait()
        self._process = None
        return code

    async def token(self, user: str, *roles: str) -> str:
        """Have `muniment token` make a token."""
        process = await asyncio.create_subprocess_exec(
            _COMMAND,
            *("token", "--data-dir", self.data_dir, "--user", user),
            *(option for role in roles for option in ("--role", role)),
            env=self.surroundings(),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0
        return printed.decode().strip()

    def children(self) -> list[psutil.Process]:
        """List the processes below it: the parsers, and PostgreSQL where it started that."""
        return list(psutil.Process(self.pid).children(recursive=True))

    def postmaster(self) -> psutil.Process | None:
        """Find the first process of the embedded PostgreSQL, if it runs."""
        try:
            first_line, *_ = self._postmaster_file.read_text("ascii").splitlines()
            return psutil.Process(int(first_line))
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None

    def surroundings(self) -> dict[str, str]:
        """Give the variables of its processes: those of this one, without other settings."""
        own = {name: text for name, text in os.environ.items() if not name.startswith("MUNIMENT_")}
        return own | {"MUNIMENT_SERVER__RATE_LIMITS": _LIMITS} | dict(self.environment)

    @property
    def _postmaster_file(self) -> Path:
        return self.data_dir / "postgres" / "cluster" / "postmaster.pid"


@asynccontextmanager
async def product_process(
    data_dir: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[ProductProcess]:
    """Start the product; whatever happens, nothing of it runs afterwards."""
    product = ProductProcess(data_dir, environment or {})
    try:
        await product.start()
        yield product
        await product.stop()
    finally:
        await product.kill()
        _end_postgres(product)


def _end_postgres(product: ProductProcess) -> None:
    """End a server whose last user was killed; normally there is none."""
    postmaster = product.postmaster()
    if postmaster is not None and postmaster.is_running():
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)
