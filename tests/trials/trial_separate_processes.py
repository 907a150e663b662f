"""Serving and working as two processes over a PostgreSQL of somebody else, which goes away once."""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import pytest
from sqlalchemy import make_url

from muniment.postgres.embedded.supervisor import EmbeddedPostgres
from tests.support.problem_walk import assert_problem
from tests.support.product_process import ProductProcess

COMMAND = Path(sys.executable).with_name("muniment")
GREETING = re.compile(r"Muniment answers at (http://127\.0\.0\.1:\d+)")
ROLES = {"URL": "app", "OWNER_URL": "own", "WORKER_URL": "Job-1"}
PATIENCE_S = 40.0
AWAY = "The database cannot be reached at the moment."
pytestmark = pytest.mark.timeout(300)


async def execute(address: str, *statements: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def prepare_server(superuser: str) -> dict[str, str]:
    """Do what an administrator does before the first migration; give the settings."""
    roles = [f"create role \"{role}\" login password 'p@ss/w:rd'" for role in ROLES.values()]
    await execute(superuser, *roles, "create database customer owner own")
    base = make_url(superuser).set(database="customer")
    await execute(
        base.render_as_string(hide_password=False),
        "create extension vector; grant create on schema public to own;"
        " revoke temporary on database customer from public",
    )
    return {
        f"MUNIMENT_DATABASE__{name}": base.set(
            username=role, password="p@ss/w:rd"
        ).render_as_string(hide_password=False)
        for name, role in ROLES.items()
    }


@dataclass(frozen=True)
class Site:
    """A machine with settings, on which commands are run."""

    home: Path
    environment: Mapping[str, str]

    async def run(self, *words: str) -> str:
        """Run a command to its end; it has to succeed."""
        process = await self._start(*words, sink=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        assert process.returncode == 0, printed.decode()
        return printed.decode()

    @asynccontextmanager
    async def running(self, *words: str) -> AsyncIterator[Path]:
        """Run a command beside the block, and end it; give the file it writes to."""
        log = self.home.with_suffix(f".{words[0]}.log")
        with log.open("wb") as sink:
            process = await self._start(*words, sink=sink.fileno())
        try:
            yield log
            assert process.returncode is None, log.read_text()
            process.terminate()
            async with asyncio.timeout(10):
                assert await process.wait() == 0, log.read_text()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _start(self, *words: str, sink: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            COMMAND,
            *words,
            *("--data-dir", self.home),
            env=ProductProcess(self.home, self.environment).surroundings(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=asyncio.subprocess.STDOUT,
        )


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def greeting_in(log: Path) -> str:
    """Wait for the address that a server prints."""

    async def is_there() -> bool:
        return bool(addresses_in(log))

    await until(is_there)
    return addresses_in(log)[0]


def addresses_in(log: Path) -> list[str]:
    return GREETING.findall(log.read_text())


class Library:
    """One collection over HTTP."""

    def __init__(self, client: httpx2.AsyncClient, collection: str) -> None:
        self._client = client
        self._collection = collection

    async def add(self, name: str, text: str) -> None:
        """Upload a text and wait until it can be found."""
        answer = await self._client.post(
            f"/api/v1/collections/{self._collection}/documents",
            files={"file": (name, text.encode())},
        )
        assert answer.status_code == 202, answer.text
        path = f"/api/v1/documents/{answer.json()['documents'][0]['id']}"

        async def is_ready() -> bool:
            document = (await self._client.get(path)).raise_for_status().json()
            assert document["status"] != "failed", document
            return bool(document["status"] == "ready")

        await until(is_ready)

    async def answer(self, question: str) -> str:
        """Search and ask; the first citation is given."""
        body = {"query": question, "collections": [self._collection]}
        found = await self._client.post("/api/v1/search", json=body)
        assert found.raise_for_status().json()["results"]
        asked = await self._client.post("/api/v1/answers", json={"question": question})
        return str(asked.raise_for_status().json()["citations"][0]["quote"])


async def readiness(client: httpx2.AsyncClient) -> tuple[int, str]:
    """Ask whether the server is ready; give the status and what was found about the database."""
    answer = await client.get("/readyz")
    return answer.status_code, answer.json()["checks"]["database"]


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A path short enough for a Unix socket, so that the server's address stays the same."""
    with tempfile.TemporaryDirectory(prefix="apart-") as name:
        yield Path(name)


async def test_the_parts_work_apart_and_survive_the_database(
    tmp_path: Path, short_folder: Path
) -> None:
    server = EmbeddedPostgres(short_folder / "pg", fsync=False)
    async with AsyncExitStack() as stack:
        urls = await server.attach()
        stack.push_async_callback(server.detach)
        settings = await prepare_server(urls.superuser.get_secret_value())
        site = Site(tmp_path / "home", settings | {"MUNIMENT_EMBEDDING__SPACE": "hashing"})
        assert "is at revision" in await site.run("migrate")
        assert "up to date" in await site.run("migrate", "--check")
        assert "✗" not in await site.run("doctor")
        await stack.enter_async_context(site.running("worker"))
        log = await stack.enter_async_context(site.running("serve", "--port", "0"))
        token = (await site.run("token", "--user", "alice")).strip()
        client = await stack.enter_async_context(
            httpx2.AsyncClient(
                base_url=await greeting_in(log),
                headers={"Authorization": f"Bearer {token}"},
                timeout=30,
            )
        )
        made = await client.post("/api/v1/collections", json={"name": "Harbour"})
        library = Library(client, made.raise_for_status().json()["id"])
        await library.add("tides.txt", "The tide turns twice a day.")
        assert await library.answer("When does the tide turn?") == "The tide turns twice a day."
        assert await readiness(client) == (200, "ok")

        await server.detach()
        for verb, path, body in (
            ("GET", "/api/v1/collections", None),
            ("GET", "/api/v1/users/me", None),
            ("POST", "/api/v1/search", {"query": "tide"}),
            ("POST", "/api/v1/answers", {"question": "When does the tide turn?"}),
            ("POST", "/api/v1/collections", {"name": "Another"}),
        ):
            problem = assert_problem(await client.request(verb, path, json=body), 503)
            assert problem["code"] in {"unavailable", "busy"}
        assert await readiness(client) == (503, AWAY)
        assert (await client.get("/healthz")).status_code == 200

        await server.attach()

        async def is_ready() -> bool:
            return await readiness(client) == (200, "ok")

        await until(is_ready)
        await library.add("pilots.txt", "Pilots board at the outer buoy.")
        assert await library.answer("Where do pilots board?") == "Pilots board at the outer buoy."
