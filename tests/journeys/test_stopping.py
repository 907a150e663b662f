"""Stopping real processes: by Ctrl-C and SIGTERM, with streams open and work under way."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.support.product_process import ProductProcess, product_process

LIMIT_S = 10.0
FILES = 20
HASHING = {"MUNIMENT_EMBEDDING__SPACE": "hashing", "MUNIMENT_DATABASE__EMBEDDED_FSYNC": "false"}
INTERRUPTED = (
    r"^Interrupted: (\d+) done, (\d+) still waiting to be read, (\d+) not added\."
    r" What waits is read by the next `up`, `worker` or `add`\.$"
)
COMMAND = Path(sys.executable).with_name("muniment")
pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.slow]


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[ProductProcess]:
    async with product_process(tmp_path / "product", HASHING) as running:
        yield running


def relatives(product: ProductProcess) -> list[psutil.Process]:
    """List every process of the product: its children, and PostgreSQL with its own."""
    postmaster = product.postmaster()
    assert postmaster is not None
    return [*product.children(), postmaster, *postmaster.children(recursive=True)]


async def stop_with(product: ProductProcess, number: signal.Signals) -> None:
    """Send a signal; the product has to end in time, with 0, leaving nobody behind."""
    family = relatives(product)
    began = time.monotonic()
    os.kill(product.pid, number)
    async with asyncio.timeout(LIMIT_S):
        code = await product.wait_for_end()
    assert time.monotonic() - began < LIMIT_S
    assert code == 0
    _, alive = psutil.wait_procs(family, timeout=2)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


async def client_of(product: ProductProcess) -> httpx2.AsyncClient:
    token = await product.token("owner", "member")
    return httpx2.AsyncClient(
        base_url=f"{product.address}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
    )


async def upload_much(client: httpx2.AsyncClient) -> str:
    """Upload what takes longer to read than a test wants to wait; give the collection."""
    made = await client.post("/collections", json={"name": "Much"})
    collection = str(made.raise_for_status().json()["id"])
    for number in range(4):
        text = f"# Part {number}\n\n" + "The tide turns twice a day, every day. " * 20_000
        files = {"file": (f"{number}.md", text.encode())}
        answer = await client.post(f"/collections/{collection}/documents", files=files)
        answer.raise_for_status()
    return collection


class TestUp:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
    async def test_stops_while_documents_are_read_and_somebody_watches(
        self, product: ProductProcess, number: signal.Signals
    ) -> None:
        client = await client_of(product)
        async with client:
            collection = await upload_much(client)
            async with client.stream("GET", f"/collections/{collection}/events") as events:
                lines = events.aiter_lines()
                assert (await anext(lines)).startswith("event: progress")
                stopping = asyncio.create_task(stop_with(product, number))
                # The stream ends like one that has nothing more to say, not with a cut.
                async for _ in lines:
                    pass
            await stopping

    async def test_goes_on_with_what_it_left(self, product: ProductProcess) -> None:
        async with await client_of(product) as client:
            collection = await upload_much(client)
        await stop_with(product, signal.SIGTERM)
        await product.start()
        async with await client_of(product) as client, asyncio.timeout(60):
            while True:
                listed = await client.get(f"/collections/{collection}/documents")
                states = {item["status"] for item in listed.raise_for_status().json()["items"]}
                if states == {"ready"}:
                    break
                assert "failed" not in states
                await asyncio.sleep(0.1)


class TestAdd:
    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
    )
    async def test_what_was_broken_off_is_finished_by_the_next(
        self, tmp_path: Path, number: signal.Signals, code: int
    ) -> None:
        folder, home = tmp_path / "documents", tmp_path / "home"
        folder.mkdir()
        for name in range(FILES):
            (folder / f"{name}.md").write_text("The tide turns twice a day. " * 1500)
        product = ProductProcess(home, HASHING)
        adding = await start_adding(product, folder)
        while not any((home / "originals").rglob("*")):
            await asyncio.sleep(0.02)
            assert adding.returncode is None
        adding.send_signal(number)
        async with asyncio.timeout(LIMIT_S):
            _, told = await adding.communicate()
        assert adding.returncode == code
        sentence = re.search(INTERRUPTED, told.decode(), re.MULTILINE)
        assert sentence is not None, told
        assert sum(map(int, sentence.groups())) == FILES
        assert product.postmaster() is None
        adding = await start_adding(product, folder)
        printed, told = await adding.communicate()
        assert adding.returncode == 0, told
        counts = [int(part.split()[0]) for part in printed.decode().split(", ")]
        assert sum(counts) == FILES
        assert product.postmaster() is None


async def start_adding(product: ProductProcess, folder: Path) -> asyncio.subprocess.Process:
    with contextlib.suppress(FileExistsError):
        product.data_dir.mkdir(mode=0o700)
    return await asyncio.create_subprocess_exec(
        COMMAND,
        *("add", folder, "--data-dir", product.data_dir),
        env=product.surroundings(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
