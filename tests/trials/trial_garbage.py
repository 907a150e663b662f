"""Garbage, and megabytes of text, while others go on working: the API answers all the time.

What the requests took meanwhile is printed, not judged: only that every one of them was answered,
that somebody else's small documents went past the big one, and that each file has ended as a
document or with a reason. `BIG_MB=50 make trial` brings a larger text, which takes minutes more.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.ingestion.parsing.garbage import GARBAGE, READY, SENTENCE
from tests.support.product_process import ProductProcess, product_process
from tests.trials.running import say

BIG = "big.txt"
BIG_BYTES = int(os.environ.get("BIG_MB", "8")) * 2**20
ODD_NAMES = (
    "../../passwd.txt",
    "..\\boot.txt",
    "/etc/motd.txt",
    "tab\there.txt",
    "\uff0e\uff0fetc.txt",
)
AT_THE_DOOR = {"empty_file", "unsupported_document"}
"""How the API refuses what no parser has to look at."""
_PAUSE_S = 0.02
_LONGEST_S = 900.0
_PARSER = "muniment.ingestion.parsing.child"
pytestmark = pytest.mark.timeout(1200)


@dataclass
class Upload:
    """A file that was uploaded, and how it may end."""

    ends: frozenset[str]
    id: str = ""
    refused: str = ""
    """The code of the problem, where it was refused at the door."""


@dataclass
class Witness:
    """What somebody else lived through meanwhile."""

    took_s: list[float] = field(default_factory=list)
    """How long each request took."""
    small: int = 0
    """Small documents that became ready while the big one was read."""
    slowest_small_s: float = 0.0

    def percentile(self, share: float) -> float:
        """Give what so many requests did not exceed, in milliseconds."""
        ordered = sorted(self.took_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def test_all_of_it_ends_and_nobody_else_waits(folder: Path) -> None:
    files = await asyncio.to_thread(write_files, folder / "files")
    async with product_process(folder / "product", {"MUNIMENT_EMBEDDING__SPACE": "hashing"}) as up:
        async with (
            client_of(up, await up.token("alice", "member")) as alice,
            client_of(up, await up.token("bob", "member")) as bob,
        ):
            began = time.monotonic()
            uploads = await upload_all(alice, folder / "files", files)
            witness = Witness()
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(ask(bob, witness)),
                    group.create_task(add(bob, witness)),
                ]
                ended = await wait_for_ends(alice, uploads)
                for task in beside:
                    task.cancel()
            say(f"{len(files)} files ended within {time.monotonic() - began:.0f} s")
            say(
                f"{len(witness.took_s)} requests beside them: p50 {witness.percentile(0.5):.0f} ms,"
                f" p99 {witness.percentile(0.99):.0f} ms, longest {max(witness.took_s):.2f} s;"
                f" {witness.small} small documents, the slowest in {witness.slowest_small_s:.1f} s"
            )
            wrong = {
                name: end
                for name, end in ended.items()
                if end not in uploads[name].ends | AT_THE_DOOR
            }
            assert wrong == {}
            assert ended[BIG] == READY
            assert witness.small > 0
        parsers = [child.pid for child in up.children() if _PARSER in " ".join(child.cmdline())]
        assert len(parsers) <= (psutil.cpu_count() or 1) + 1
    assert [pid for pid in parsers if psutil.pid_exists(pid)] == []


def client_of(product: ProductProcess, token: str) -> httpx2.AsyncClient:
    """Make a client whose requests may take long, but not for ever."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(base_url=f"{product.address}/api/v1", headers=headers, timeout=60)


def write_files(folder: Path) -> Mapping[str, frozenset[str]]:
    """Write everything; give how each may end."""
    folder.mkdir()
    for garbage in GARBAGE:
        garbage.write(folder / garbage.name)
    (folder / BIG).write_text(SENTENCE * (BIG_BYTES // len(SENTENCE)))
    return {garbage.name: garbage.ends for garbage in GARBAGE} | {BIG: frozenset({READY})}


async def upload_all(
    client: httpx2.AsyncClient, folder: Path, files: Mapping[str, frozenset[str]]
) -> dict[str, Upload]:
    """Upload the big one first, then everything else, some of it under odd names."""
    made = (await client.post("/collections", json={"name": "Garbage"})).raise_for_status()
    path = f"/collections/{made.json()['id']}/documents"
    uploads = {name: Upload(ends) for name, ends in files.items()}
    uploads |= {name: Upload(frozenset({READY})) for name in ODD_NAMES}
    for name in sorted(uploads, key=lambda name: name != BIG):
        if name in ODD_NAMES:
            content = f"An odd name: {name}".encode()
        else:
            content = await asyncio.to_thread((folder / name).read_bytes)
        answer = await client.post(path, files={"file": (name, content)})
        if answer.status_code == 202:
            [document] = answer.json()["documents"]
            assert "/" not in document["name"]
            uploads[name].id = document["id"]
        else:
            assert 400 <= answer.status_code < 500, answer.text
            assert answer.json()["detail"]
            uploads[name].refused = answer.json()["code"]
    return uploads


async def wait_for_ends(
    client: httpx2.AsyncClient, uploads: Mapping[str, Upload]
) -> Mapping[str, str]:
    """Wait until each has ended; give `READY` or the code of its failure."""
    ended = {name: upload.refused for name, upload in uploads.items() if upload.refused}
    deadline = time.monotonic() + _LONGEST_S
    while left := uploads.keys() - ended.keys():
        assert time.monotonic() < deadline, f"not ended: {left}"
        for name in left:
            found = (await client.get(f"/documents/{uploads[name].id}")).raise_for_status().json()
            if found["status"] == "ready":
                ended[name] = READY
            elif found["status"] == "failed":
                assert found["error"]["detail"]
                ended[name] = found["error"]["code"]
        await asyncio.sleep(1)
    return ended


async def ask(client: httpx2.AsyncClient, witness: Witness) -> None:
    """Ask again and again, until cancelled; every answer is a good one."""
    while True:
        began = time.monotonic()
        (await client.get("/users/me")).raise_for_status()
        witness.took_s.append(time.monotonic() - began)
        await asyncio.sleep(_PAUSE_S)


async def add(client: httpx2.AsyncClient, witness: Witness) -> None:
    """Add one small document after the other, until cancelled."""
    made = (await client.post("/collections", json={"name": "Notes"})).raise_for_status()
    path = f"/collections/{made.json()['id']}/documents"
    while True:
        began = time.monotonic()
        note = f"Note {witness.small}: the tide turns at {began}.".encode()
        answer = await client.post(path, files={"file": (f"{witness.small}.txt", note)})
        document = answer.raise_for_status().json()["documents"][0]
        while document["status"] != "ready":
            assert document["status"] != "failed", document
            await asyncio.sleep(0.1)
            document = (await client.get(f"/documents/{document['id']}")).raise_for_status().json()
        witness.small += 1
        witness.slowest_small_s = max(witness.slowest_small_s, time.monotonic() - began)
