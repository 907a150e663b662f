"""Streams of progress: how they are written, and when they end."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from muniment.identity.principal import Principal
from muniment.library.router.contents import prefers_plain_text, render_events
from muniment.library.schemas.documents import ProgressRead
from muniment.library.service.progress import ProgressService
from muniment.library.settings import EventSettings
from tests.library.walls import write_document
from tests.support.database import TestDatabase
from tests.support.fixed_clock import FixedClock
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


class TestEnd:
    async def test_comes_when_the_credential_expires(self, database: TestDatabase) -> None:
        clock = FixedClock()
        async with database.owner.begin() as owner:
            library = await add_library(owner, 1)
            document = await write_document(owner, library, None)
        forever = Principal(
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
        interval = timedelta(milliseconds=1)
        service = ProgressService(database.serving, clock, EventSettings(), interval=interval)
        principal = replace(forever, expires_at=clock.now() + timedelta(minutes=1))
        reads = 0
        async for _ in await service.follow_document(principal, document):
            reads += 1
            if reads == 3:
                clock.advance(timedelta(minutes=1))
        assert reads == 3


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
