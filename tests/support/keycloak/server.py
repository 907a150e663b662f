"""A real Keycloak on free ports of the loopback; nothing of it outlives who started it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from tests.support.keycloak.distribution import DistributionError, keycloak_home
from tests.trials.parts import free_port

ADMIN: Final = "admin"
_START_S: Final = 240
_POLL_S: Final = 0.2
_SMALL: Final = {
    "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
    "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
}
"""Half a gigabyte, and the quick compiler only: it runs for minutes, not for months."""
# The shell ends the whole group when its input ends, which is also when we were killed, and when
# Keycloak has ended by itself.
_ENDS_WITH_US: Final = '("$@" </dev/null; kill -KILL 0) & cat >/dev/null; kill -KILL 0'


@dataclass(frozen=True)
class Keycloak:
    """A server that answers, and how its administrator signs in."""

    address: str
    admin: str
    password: str
    log: Path

    def client(self) -> httpx2.AsyncClient:
        """Give a client of it, without cookies from before."""
        return httpx2.AsyncClient(base_url=self.address, timeout=60)


@asynccontextmanager
async def running_keycloak(
    folder: Path, *, port: int | None = None, password: str = ADMIN
) -> AsyncIterator[Keycloak]:
    """Start one and wait until it answers; its data are in memory. Raises DistributionError."""
    home = await asyncio.to_thread(keycloak_home)
    port = port or free_port()
    management = free_port()
    keycloak = Keycloak(f"http://127.0.0.1:{port}", ADMIN, password, folder / "keycloak.log")
    with keycloak.log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", _ENDS_WITH_US, "bash", home / "bin" / "kc.sh", "start", "--optimized"),
            *("--http-enabled=true", "--hostname-strict=false", "--cache=local"),
            *("--http-host=127.0.0.1", f"--http-port={port}"),
            f"--http-management-port={management}",
            env={
                **os.environ,
                **_SMALL,
                "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": password,
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        if not await _answers(f"http://127.0.0.1:{management}/health/ready", process):
            raise DistributionError((await asyncio.to_thread(keycloak.log.read_text))[-4000:])
        yield keycloak
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _answers(ready: str, process: asyncio.subprocess.Process) -> bool:
    """Wait until it is ready; False if it ended, or takes too long."""
    deadline = time.monotonic() + _START_S
    async with httpx2.AsyncClient(timeout=5) as client:
        while process.returncode is None and time.monotonic() < deadline:
            with suppress(httpx2.HTTPError):
                if (await client.get(ready)).status_code == httpx2.codes.OK:
                    return True
            await asyncio.sleep(_POLL_S)
    return False
