"""Streams of progress: how they are written, and when they end."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text

from muniment.identity.principal import Principal
from muniment.library.router.contents import prefers_plain_text, render_events
from muniment.library.schemas.documents import ProgressRead
from muniment.library.service.progress import Changes, ProgressService
from muniment.library.settings import EventSettings
from tests.library.walls import write_document
from tests.support.database import TestDatabase
from tests.support.fixed_clock import FixedClock
from tests.support.fragile_transactions import FragileTransactions
from tests.support.wall_rows import add_library

STATE = ProgressRead(id=UUID(int=1), status="processing", progress=0.5, error=None)


async def changes(*lists: list[ProgressRead]) -> AsyncIterator[list[ProgressRead]]:
    for states in lists:
        yield states


class TestEvents:
    async def test_hold_the_state_as_json(self) -> None:
        [event] = [part async for part in render_events(changes([STATE], []), 1.0)]
        name, payload, *_ = event.split(b"\n")
        assert name == b"event: progress"
        assert orjson.loads(payload.removeprefix(b"data: ")) == {
            "id": str(STATE.id),
            "status": "processing",
            "progress": 0.5,
            "error": None,
        }

    async def test_are_a_comment_after_fifteen_silent_seconds(self) -> None:
        silence: list[list[ProgressRead]] = [[] for _ in range(31)]
        parts = [part async for part in render_events(changes([STATE], *silence), 1.0)]
        assert parts[1:] == [b": still here\n\n"] * 2


@dataclass
class Watched:
    """A document that nobody reads, and who watches it."""

    document: UUID
    principal: Principal
    transactions: FragileTransactions
    clock: FixedClock

    async def follow(self, patience: timedelta = timedelta(minutes=1)) -> Changes:
        service = ProgressService(
            self.transactions,
            self.clock,
            EventSettings(),
            interval=timedelta(milliseconds=1),
            patience=patience,
        )
        return await service.follow_document(self.principal, self.document)


@pytest.fixture
async def watched(database: TestDatabase) -> Watched:
    async with database.owner.begin() as owner:
        library = await add_library(owner, 1)
        document = await write_document(owner, library, None)
    principal = Principal(
        user_id=library.account,
        tenant_id=1,
        tenant="acme",
        issuer="https://issuer",
        subject="s",
        roles=frozenset(),
        groups=frozenset(),
        attributes={},
        permissions=frozenset(),
    )
    return Watched(document, principal, FragileTransactions(database.serving), FixedClock())


class TestEnd:
    async def test_comes_when_the_credential_expires(self, watched: Watched) -> None:
        expires_at = watched.clock.now() + timedelta(minutes=1)
        watched.principal = replace(watched.principal, expires_at=expires_at)
        reads = 0
        async for _ in await watched.follow():
            reads += 1
            if reads == 3:
                watched.clock.advance(timedelta(minutes=1))
        assert reads == 3

    async def test_comes_without_a_cut_when_the_database_stays_away(self, watched: Watched) -> None:
        stream = await watched.follow(patience=timedelta(milliseconds=50))
        assert len(await anext(stream)) == 1
        watched.transactions.trouble = ConnectionRefusedError()
        async with asyncio.timeout(10):
            assert not any([states async for states in stream])
        assert watched.transactions.refused > 1


class TestDatabaseAway:
    async def test_makes_the_stream_silent_until_it_is_back(
        self, watched: Watched, database: TestDatabase
    ) -> None:
        stream = await watched.follow()
        [before] = await anext(stream)
        watched.transactions.trouble = ConnectionRefusedError()
        assert [await anext(stream) for _ in range(3)] == [[], [], []]
        watched.transactions.trouble = None
        async with database.owner.begin() as owner:
            await owner.execute(text("update document set progress = 0.7"))
        async with asyncio.timeout(10):
            while not (states := await anext(stream)):
                pass
        assert [state.id for state in states] == [before.id]
        assert (before.progress, states[0].progress) == (0.0, 0.7)

    async def test_hides_no_fault(self, watched: Watched) -> None:
        stream = await watched.follow()
        await anext(stream)
        watched.transactions.trouble = ValueError("a bug")
        with pytest.raises(ValueError, match="a bug"):
            await anext(stream)


@pytest.mark.parametrize(
    ("accept", "plain"),
    [
        ("*/*", False),
        ("application/json, text/plain", False),
        ("text/plain; charset=utf-8", True),
        ("TEXT/PLAIN, application/json", True),
        ("image/png", False),
        ("", False),
    ],
)
def test_plain_text_is_for_who_names_it_first(accept: str, *, plain: bool) -> None:
    assert prefers_plain_text(accept) is plain
