"""pgbouncer in transaction mode, from the system's packages, where they have it."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import make_url

from tests.support.ci import require_program
from tests.trials.parts import free_port

_SERVING = ("MUNIMENT_DATABASE__URL", "MUNIMENT_DATABASE__WORKER_URL")
_START_S = 10.0


class Pooler:
    """A running pooler, and the settings of a product that goes through it."""

    def __init__(self, port: int, direct: Mapping[str, str]) -> None:
        self._port = port
        pooled = {
            name: make_url(direct[name])
            .set(host="127.0.0.1", port=port, query={})
            .render_as_string(hide_password=False)
            for name in _SERVING
        }
        self.addresses: Mapping[str, str] = {**pooled, "MUNIMENT_DATABASE__POOLER": "true"}

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, direct: Mapping[str, str]) -> AsyncIterator[Self]:
        """Run it beside the block; without the program the test is skipped, except in CI."""
        if os.environ.get("NO_POOLER"):
            pytest.skip("pgbouncer cannot be installed here")
        program = require_program("pgbouncer")
        port = free_port()
        configuration = _write_configuration(folder, port, direct)
        account = ("nobody", "nogroup") if os.geteuid() == 0 else (None, None)
        process = await asyncio.create_subprocess_exec(
            program,
            "--quiet",
            configuration,
            user=account[0],
            group=account[1],
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            await _wait_until_it_listens(port)
            yield cls(port, direct)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _write_configuration(folder: Path, port: int, direct: Mapping[str, str]) -> Path:
    place = make_url(direct[_SERVING[0]])
    host = place.query.get("host", place.host)
    database_port = place.query.get("port", place.port or 5432)
    below = folder / "pooler"
    below.mkdir()
    users = below / "users.txt"
    users.write_text(
        "".join(f'"{make_url(direct[name]).username}" "secret"\n' for name in _SERVING)
    )
    configuration = below / "pgbouncer.ini"
    configuration.write_text(
        f"""[databases]
customer = host={host} port={database_port} dbname=customer
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
logfile = {below / "pgbouncer.log"}
"""
    )
    if os.geteuid() == 0:
        for path in (below, users, configuration):
            shutil.chown(path, "nobody", "nogroup")
    return configuration


async def _wait_until_it_listens(port: int) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return
