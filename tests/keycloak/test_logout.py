"""A logout at a real Keycloak reaches tokens and open streams on every server within a second."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx2
import pytest

from tests.keycloak.conftest import Behind, calling
from tests.keycloak.test_callers import ME
from tests.keycloak.test_sign_in import SAME_SITE, signed_in

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(400)]
WITHIN_S = 1.0


@dataclass
class Stream:
    """A stream that is open at one of the servers."""

    client: httpx2.AsyncClient
    ended: asyncio.Task[float]


@asynccontextmanager
async def following(behind: Behind, user: str, address: str) -> AsyncIterator[Stream]:
    """Follow a document that nobody reads, as a user who gets a token for it."""
    async with behind.caller(user, at=address) as client, followed(client) as stream:
        yield stream


@asynccontextmanager
async def followed(client: httpx2.AsyncClient) -> AsyncIterator[Stream]:
    """Upload a document that nobody reads, and follow it."""
    made = await client.post("/api/v1/collections", json={"name": "Waits"})
    path = f"/api/v1/collections/{made.raise_for_status().json()['id']}"
    files = {"file": ("waits.txt", b"Nobody reads this yet.")}
    (await client.post(f"{path}/documents", files=files)).raise_for_status()
    opened = asyncio.Event()

    async def follow() -> float:
        async with client.stream("GET", f"{path}/events") as answer:
            answer.raise_for_status()
            opened.set()
            async for _ in answer.aiter_bytes():
                pass
        return time.monotonic()

    task = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(10):
            await opened.wait()
        yield Stream(client, task)
    finally:
        task.cancel()


async def seconds_until_refused(client: httpx2.AsyncClient, since: float) -> float:
    while (answer := await client.get(ME)).status_code == 200:
        assert time.monotonic() - since < 10, "is still let in"
        await asyncio.sleep(0.02)
    assert answer.status_code == 401
    return time.monotonic() - since


async def cut_listeners(behind: Behind) -> int:
    """End the connections that listen for revocations, and wait until they are gone."""
    connection = await asyncpg.connect(behind.site.superuser)
    try:
        return len(
            await connection.fetch(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where query ilike 'listen %'"
            )
        )
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def nobody_works(behind: Behind) -> Iterator[None]:
    """Hold the workers: a stream that follows a document lasts as long as that waits."""
    workers = [process for part in behind.site.parts[2:] for process in part.family()]
    for process in workers:
        process.suspend()
    yield
    for process in workers:
        process.resume()


class TestBackChannel:
    async def test_reaches_the_other_server_and_its_stream_within_a_second(
        self, behind: Behind
    ) -> None:
        await behind.realm.add_user("lena", like="alice")
        async with following(behind, "lena", behind.second) as stream:
            await asyncio.sleep(1.1)  # a login in the second of the logout would be refused too
            assert not stream.ended.done()
            await behind.realm.log_out("lena")
            told = time.monotonic()
            assert await seconds_until_refused(stream.client, told) < WITHIN_S
            async with asyncio.timeout(5):
                assert await stream.ended - told < WITHIN_S

    async def test_does_so_right_after_the_listeners_were_cut(self, behind: Behind) -> None:
        await behind.realm.add_user("mona", like="alice")
        async with following(behind, "mona", behind.second) as stream:
            await asyncio.sleep(1.1)
            assert not stream.ended.done()
            assert await cut_listeners(behind) >= 2
            await behind.realm.log_out("mona")
            told = time.monotonic()
            # The poll alone: each second, and what it takes on a busy machine.
            assert await seconds_until_refused(stream.client, told) < WITHIN_S + 0.5
            async with asyncio.timeout(5):
                assert await stream.ended - told < WITHIN_S + 0.5

    async def test_ends_what_a_browser_has_open_as_well(self, behind: Behind) -> None:
        await behind.realm.add_user("quinn", like="alice")
        async with (
            signed_in(behind, "quinn") as browser,
            httpx2.AsyncClient(
                base_url=behind.second,
                headers={**browser.header(behind.second), **SAME_SITE},
                timeout=30,
            ) as client,
            followed(client) as stream,
        ):
            await asyncio.sleep(1.1)
            assert not stream.ended.done()
            await behind.realm.log_out("quinn")
            told = time.monotonic()
            assert await seconds_until_refused(client, told) < WITHIN_S
            async with asyncio.timeout(5):
                assert await stream.ended - told < WITHIN_S

    async def test_leaves_other_people_alone(self, behind: Behind) -> None:
        await behind.realm.add_user("nina", like="alice")
        async with (
            following(behind, "alice", behind.second) as stream,
            behind.caller("nina", at=behind.second) as nina,
        ):
            await asyncio.sleep(1.1)
            await behind.realm.log_out("nina")
            await seconds_until_refused(nina, time.monotonic())
            assert (await stream.client.get(ME)).status_code == 200
            assert not stream.ended.done()

    async def test_lets_the_same_person_in_again(self, behind: Behind) -> None:
        await behind.realm.add_user("olga", like="alice")
        async with behind.caller("olga") as before:
            assert (await before.get(ME)).status_code == 200
            await asyncio.sleep(1.1)
            await behind.realm.log_out("olga")
            await seconds_until_refused(before, time.monotonic())
        await asyncio.sleep(1.1)
        async with behind.caller("olga", at=behind.second) as again:
            assert (await again.get(ME)).status_code == 200

    async def test_is_not_told_of_users_who_are_disabled(self, behind: Behind) -> None:
        """Keycloak sends nothing then: the token holds until it expires, and no new one is had."""
        await behind.realm.add_user("paul", like="alice")
        tokens = await behind.realm.token_of("paul")
        await behind.realm.change_user("paul", {"enabled": False})
        async with calling(behind.second, tokens.access_token) as paul:
            assert (await paul.get(ME)).status_code == 200
        assert tokens.refresh_token
        answer = await behind.realm.ask(
            "token",
            "muniment-test",
            grant_type="refresh_token",
            refresh_token=tokens.refresh_token,
        )
        assert answer.status_code == 400
