"""Only so many event streams of one user at once, and a place for each that has ended."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2
import pytest
from starlette.types import ASGIApp, Message

from muniment.app.streams import EventStreams
from tests.library.arrange import (
    COLLECTIONS,
    DOCUMENTS,
    add,
    give,
    make_collection,
    mark_ready,
    name_of,
)
from tests.library.conftest import EVENTS
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase


@dataclass
class OpenStream:
    """A request for events whose answer is read as a server would send it."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    has_answer: asyncio.Event = field(default_factory=asyncio.Event)
    is_left: asyncio.Event = field(default_factory=asyncio.Event)
    breaks: bool = False
    _task: "asyncio.Task[None] | None" = None

    async def open(self, app: ASGIApp, client: httpx2.AsyncClient, path: str) -> "OpenStream":
        """Send the request and wait for the first of its events."""
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [
                (b"host", b"127.0.0.1"),
                (b"authorization", client.headers["Authorization"].encode()),
            ],
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }

        async def run() -> None:
            await app(scope, self._receive, self._send)

        self._task = asyncio.create_task(run())
        async with asyncio.timeout(10):
            await self.has_answer.wait()
        return self

    async def end(self) -> None:
        """Wait until the server is done with the request."""
        assert self._task is not None
        async with asyncio.timeout(10):
            await asyncio.wait([self._task])

    async def cancel(self) -> None:
        """End the task of the request, as a server does whose patience has run out."""
        assert self._task is not None
        self._task.cancel()
        await self.end()

    async def _receive(self) -> Message:
        await self.is_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
            return
        self.has_answer.set()
        if self.breaks:
            raise OSError("the connection is reset")


@dataclass
class Follower:
    """A user who follows a document that is never read, as often as they may."""

    app: ASGIApp
    client: httpx2.AsyncClient
    path: str
    streams: list[OpenStream] = field(default_factory=list)

    async def follow(self, path: str | None = None, *, breaks: bool = False) -> OpenStream:
        stream = OpenStream(breaks=breaks)
        self.streams.append(stream)
        return await stream.open(self.app, self.client, path or self.path)

    async def follow_all(self) -> list[OpenStream]:
        streams = [await self.follow() for _ in range(EVENTS.max_streams)]
        assert [stream.status for stream in streams] == [200] * EVENTS.max_streams
        return streams

    async def may_follow(self) -> bool:
        """Tell whether one more stream would be opened; it is left at once."""
        stream = await self.follow()
        stream.is_left.set()
        await stream.end()
        return stream.status == 200

    async def leave(self) -> None:
        for stream in self.streams:
            stream.is_left.set()
            await stream.end()


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    return client_of("alice")


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    return await make_collection(alice)


@pytest.fixture
async def document(alice: httpx2.AsyncClient, collection: str) -> str:
    return await add(alice, collection)


@pytest.fixture
async def follower(
    app: ASGIApp, alice: httpx2.AsyncClient, document: str
) -> AsyncIterator[Follower]:
    follower = Follower(app, alice, f"{DOCUMENTS}/{document}/events")
    yield follower
    await follower.leave()


class TestLimit:
    async def test_refuses_one_stream_more_and_says_when_to_come_again(
        self, follower: Follower, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        await follower.follow_all()
        for path in (follower.path, f"{COLLECTIONS}/{collection}/events"):
            refused = await alice.get(path)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
            assert refused.headers["Retry-After"] == "5"

    async def test_counts_documents_and_collections_together(
        self, follower: Follower, collection: str
    ) -> None:
        await follower.follow()
        await follower.follow(f"{COLLECTIONS}/{collection}/events")
        assert not await follower.may_follow()

    async def test_is_one_for_each_user(
        self, follower: Follower, alice: httpx2.AsyncClient, collection: str, client_of: ClientMaker
    ) -> None:
        bob = client_of("bob")
        await give(alice, collection, await name_of(bob), "reader")
        await follower.follow_all()
        other = Follower(follower.app, bob, follower.path)
        assert await other.may_follow()

    async def test_does_not_bind_other_requests(
        self, follower: Follower, alice: httpx2.AsyncClient, document: str
    ) -> None:
        await follower.follow_all()
        assert (await alice.get(f"{DOCUMENTS}/{document}")).status_code == 200


class TestPlace:
    async def test_is_free_when_the_client_has_gone(self, follower: Follower) -> None:
        first, *_ = await follower.follow_all()
        assert not await follower.may_follow()
        first.is_left.set()
        await first.end()
        assert await follower.may_follow()

    async def test_is_free_when_there_is_nothing_more_to_tell(
        self, follower: Follower, document: str, database: TestDatabase
    ) -> None:
        streams = await follower.follow_all()
        await mark_ready(database, document, "Thirty days of leave.")
        for stream in streams:
            await stream.end()
        assert await follower.may_follow()

    async def test_is_free_when_the_server_has_ended_its_streams(self, follower: Follower) -> None:
        follower.app = streams = EventStreams(follower.app)
        opened = await follower.follow_all()
        streams.end()
        for stream in opened:
            await stream.end()
        assert await follower.may_follow()

    async def test_is_free_when_the_request_was_cancelled(self, follower: Follower) -> None:
        first, *_ = await follower.follow_all()
        await first.cancel()
        assert await follower.may_follow()

    async def test_is_free_when_sending_broke(self, follower: Follower) -> None:
        for _ in range(EVENTS.max_streams + 1):
            broken = await follower.follow(breaks=True)
            await broken.end()
        assert await follower.may_follow()

    async def test_is_free_when_there_was_nothing_to_follow(
        self, follower: Follower, alice: httpx2.AsyncClient
    ) -> None:
        nowhere = f"{DOCUMENTS}/01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77/events"
        answers = [await alice.get(nowhere) for _ in range(EVENTS.max_streams + 1)]
        assert {answer.status_code for answer in answers} == {404}
        assert await follower.may_follow()
