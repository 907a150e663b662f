"""Where a trial takes place: processes of the product over one folder and one PostgreSQL.

Whoever runs the product in earnest has a service manager that starts again what has died, and that
is all it does. `Site.mend` is that manager.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
from sqlalchemy import make_url
from typing_extensions import override

from muniment.postgres.embedded.supervisor import EmbeddedPostgres
from tests.trials.inspection import AWAY
from tests.trials.parts import Part, free_port, kill_all, run_command
from tests.trials.pooler import Pooler

_CUT_OFF = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
_ROLES = {"URL": "app", "OWNER_URL": "own", "WORKER_URL": "job"}
HASHING: Mapping[str, str] = {"MUNIMENT_EMBEDDING__SPACE": "hashing"}
_MEND_EVERY_S = 0.2


class Site(ABC):
    """A running product that can be struck."""

    def __init__(self, data_dir: Path, ports: Sequence[int]) -> None:
        self.data_dir = data_dir
        self.addresses = [f"http://127.0.0.1:{port}" for port in ports]
        self.environment = dict(HASHING)
        self.superuser = ""
        self.parts: list[Part] = []
        self.seen: set[psutil.Process] = set()
        """Every process that was met; none may be left in the end."""

    async def token(self, user: str) -> str:
        """Have a token made."""
        return await run_command(
            self.data_dir, self.environment, "token", "--user", user, "--role", "member"
        )

    async def mend(self) -> None:
        """Start again what has ended, over and over, until cancelled."""
        while True:
            for part in self.parts:
                await part.start()
            self.note_processes()
            await asyncio.sleep(_MEND_EVERY_S)

    def note_processes(self) -> None:
        """Remember who runs."""
        self.seen.update(process for part in self.parts for process in part.family())

    async def stop(self) -> None:
        """Ask every part to end; none may fail to."""
        self.note_processes()
        for part in self.parts:
            await part.stop()

    async def kill_part(self, part: Part) -> int:
        """Kill one part, and nothing that it has started."""
        return kill_all(part.family()[:1])

    async def kill_readers(self) -> int:
        """Kill every child that reads documents; give their number."""
        return kill_all([reader for part in self.parts for reader in part.readers()])

    async def kill_database(self) -> int:
        """Kill the main process of the database server."""
        return kill_all(self.postmaster())

    async def kill_everything(self) -> int:
        """Kill all parts and the database server at once."""
        everybody = [process for part in self.parts for process in part.family()]
        return kill_all([*everybody, *self.postmaster()])

    async def cut_connections(self) -> int:
        """Have the database server end every session but the one that asks for it."""
        with contextlib.suppress(*AWAY):
            connection = await asyncpg.connect(self.superuser)
            try:
                return len(await connection.fetch(_CUT_OFF))
            finally:
                connection.terminate()
        return 0

    @abstractmethod
    def postmaster(self) -> list[psutil.Process]:
        """Give the main process of the database server, if it runs."""


def _postmaster_of(folder: Path) -> list[psutil.Process]:
    try:
        first_line, *_ = (folder / "cluster" / "postmaster.pid").read_text("ascii").splitlines()
        return [psutil.Process(int(first_line))]
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return []


class LocalSite(Site):
    """`muniment up` with its embedded PostgreSQL, and a second worker beside it."""

    @override
    def postmaster(self) -> list[psutil.Process]:
        return _postmaster_of(self.data_dir / "postgres")


class FleetSite(Site):
    """Two servers and two workers on one PostgreSQL of somebody else, maybe behind a pooler."""

    @override
    def postmaster(self) -> list[psutil.Process]:
        return _postmaster_of(self.data_dir.with_name("pg"))


@asynccontextmanager
async def local_site(
    folder: Path, *, disk: Path | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Site]:
    """Start the whole product on one machine; its data may lie on a disk of their own."""
    port = free_port()
    site = LocalSite((disk or folder) / "product", [port])
    site.environment |= settings or {}
    site.parts = [
        Part("up", ("up", "--port", str(port)), site.data_dir, folder, site.environment),
        Part("worker", ("worker",), site.data_dir, folder, site.environment),
    ]
    async with _ended(site):
        await site.parts[0].start()
        server = EmbeddedPostgres(site.data_dir / "postgres")
        while not (site.data_dir / "postgres" / "cluster" / "postmaster.pid").exists():
            await asyncio.sleep(0.1)
        site.superuser = (await server.attach()).superuser.get_secret_value()
        # Only asked for the address: whoever stays attached would start the server again.
        await server.detach()
        yield site


@asynccontextmanager
async def fleet_site(
    folder: Path, *, pooled: bool, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Site]:
    """Start servers and workers apart from each other, and the PostgreSQL that they share."""
    ports = [free_port(), free_port()]
    site = FleetSite(folder / "product", ports)
    site.environment |= settings or {}
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(EmbeddedPostgres(folder / "pg", loopback=True))
        direct = await _prepare_server(urls.superuser.get_secret_value())
        site.superuser = direct.pop("SUPERUSER")
        site.environment |= direct
        await run_command(site.data_dir, site.environment, "migrate")
        if pooled:
            pooler = await stack.enter_async_context(Pooler.running(folder, direct))
            site.environment |= pooler.addresses
        site.parts = [
            *(
                Part(
                    f"serve-{port}",
                    ("serve", "--port", str(port)),
                    site.data_dir,
                    folder,
                    site.environment,
                )
                for port in ports
            ),
            *(
                Part(f"worker-{n}", ("worker",), site.data_dir, folder, site.environment)
                for n in (1, 2)
            ),
        ]
        await stack.enter_async_context(_ended(site))
        yield site


async def _prepare_server(superuser: str) -> dict[str, str]:
    """Do what an administrator does before the first migration; give the settings."""
    connection = await asyncpg.connect(superuser)
    for role in _ROLES.values():
        await connection.execute(f"create role {role} login password 'secret'")
    await connection.execute("create database customer owner own")
    await connection.close()
    base = make_url(superuser).set(database="customer")
    inside = base.render_as_string(hide_password=False)
    connection = await asyncpg.connect(inside)
    await connection.execute(
        "create extension vector; grant create on schema public to own;"
        " revoke temporary on database customer from public"
    )
    await connection.close()
    roles = {
        f"MUNIMENT_DATABASE__{name}": base.set(username=role, password="secret").render_as_string(
            hide_password=False
        )
        for name, role in _ROLES.items()
    }
    return {"SUPERUSER": inside, **roles}


@asynccontextmanager
async def _ended(site: Site) -> AsyncIterator[None]:
    """Whatever happens, nothing of the site runs afterwards."""
    try:
        yield
    finally:
        everybody = [process for part in site.parts for process in part.family()]
        kill_all(everybody)
        for part in site.parts:
            await part.kill()
        if isinstance(site, LocalSite):
            postmaster = site.postmaster()
            below = [child for each in postmaster for child in each.children(recursive=True)]
            kill_all([*postmaster, *below])
            psutil.wait_procs([*postmaster, *below], timeout=10)
