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
from muniment.library.access_rules import AccessRule
from muniment.library.router.contents import prefers_plain_text, render_events
from muniment.library.schemas.documents import CollectionProgressRead, PaceRead, ProgressRead
from muniment.library.service.progress import Changes, ProgressService, State
from muniment.library.settings import EventSettings
from tests.library.walls import write_document
from tests.support.database import TestDatabase
from tests.support.fixed_clock import FixedClock
from tests.support.fragile_transactions import FragileTransactions
from tests.support.wall_rows import Library, add_grant, add_library

STATE = ProgressRead(
    id=UUID(int=1),
    status="processing",
    progress=0.5,
    stage="embedding",
    pace=PaceRead(done=40, total=100, per_second=8.0, remaining_s=8),
    error=None,
)
WHOLE = CollectionProgressRead(
    id=UUID(int=2), waiting=3, processing=1, failed=0, per_second=0.5, remaining_s=8
)


async def changes(*lists: list[State]) -> AsyncIterator[list[State]]:
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
            "stage": "embedding",
            "pace": {"done": 40, "total": 100, "per_second": 8.0, "remaining_s": 8},
            "error": None,
        }

    async def test_of_a_collection_have_a_name_of_their_own(self) -> None:
        [event] = [part async for part in render_events(changes([WHOLE]), 1.0)]
        name, payload, *_ = event.split(b"\n")
        assert name == b"event: collection"
        assert orjson.loads(payload.removeprefix(b"data: ")) == WHOLE.model_dump(mode="json")

    async def test_are_a_comment_after_fifteen_silent_seconds(self) -> None:
        silence: list[list[State]] = [[] for _ in range(31)]
        parts = [part async for part in render_events(changes([STATE], *silence), 1.0)]
        assert parts[1:] == [b": still here\n\n"] * 2


def shown(state: State) -> dict[str, object]:
    found: dict[str, object] = state.model_dump(mode="json")
    return found


@dataclass
class Watched:
    """A document that nobody reads, and who watches it."""

    document: UUID
    library: Library
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

    async def first_of_collection(self) -> list[State]:
        """Begin to follow the collection, and give what comes first."""
        interval = timedelta(milliseconds=1)
        service = ProgressService(self.transactions, self.clock, EventSettings(), interval=interval)
        return await anext(await service.follow_collection(self.principal, self.library.collection))


@pytest.fixture
async def watched(database: TestDatabase) -> Watched:
    async with database.owner.begin() as owner:
        library = await add_library(owner, 1)
        document = await write_document(owner, library, None)
        await add_grant(owner, library, library.creator, "owner")
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
    return Watched(
        document, library, principal, FragileTransactions(database.serving), FixedClock()
    )


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
        assert [shown(state)["progress"] for state in (before, states[0])] == [0.0, 0.7]

    async def test_hides_no_fault(self, watched: Watched) -> None:
        stream = await watched.follow()
        await anext(stream)
        watched.transactions.trouble = ValueError("a bug")
        with pytest.raises(ValueError, match="a bug"):
            await anext(stream)


DAYS_AGO = "now() - interval '2 days'"
STRANGER = UUID(int=77)


class TestFigures:
    """They come from rows alone, so whoever looks sees the same."""

    async def embed(self, database: TestDatabase, document: UUID, done: int) -> None:
        async with database.owner.begin() as owner:
            await owner.execute(
                text(
                    "update document set status = 'processing', stage = 'embedding',"
                    " chunks_done = :done, chunks_total = 100, chunks_per_s = 8,"
                    " begun_at = now() where id = :id"
                ),
                {"done": done, "id": document},
            )

    async def test_are_the_same_for_who_comes_later(
        self, watched: Watched, database: TestDatabase
    ) -> None:
        early = await watched.follow()
        [waiting] = await anext(early)
        assert (shown(waiting)["stage"], shown(waiting)["pace"]) == ("waiting", None)
        await self.embed(database, watched.document, 40)
        async with asyncio.timeout(10):
            while not (seen := await anext(early)):
                pass
        late = await anext(await watched.follow())
        of_collection, whole = await watched.first_of_collection()
        assert seen == late == [of_collection]
        assert shown(of_collection)["pace"] == {
            "done": 40,
            "total": 100,
            "per_second": 8.0,
            "remaining_s": 8,
        }
        assert shown(whole) == {
            "id": str(watched.library.collection),
            "waiting": 0,
            "processing": 1,
            "failed": 0,
            "per_second": None,
            "remaining_s": 8,
        }

    async def test_say_what_is_left_at_the_pace_of_those_that_ended(
        self, watched: Watched, database: TestDatabase
    ) -> None:
        async with database.owner.begin() as owner:
            for ago in (90, 50, 30, 10):
                document = await write_document(owner, watched.library, None)
                await owner.execute(
                    text(
                        "update document set status = 'ready', begun_at = now() - interval '120 s',"
                        " ended_at = now() - make_interval(secs => :ago) where id = :id"
                    ),
                    {"id": document, "ago": ago},
                )
        _, whole = await watched.first_of_collection()
        # Three of them within the last minute, and one that waits.
        assert shown(whole)["waiting"] == 1
        assert shown(whole)["per_second"] == 0.05
        assert shown(whole)["remaining_s"] == 20
        await self.embed(database, watched.document, 100 - 8 * 30)
        _, whole = await watched.first_of_collection()
        # The one that is left takes longer than those that ended.
        assert shown(whole)["remaining_s"] == 30

    async def test_do_not_count_what_the_caller_may_not_read(
        self, watched: Watched, database: TestDatabase
    ) -> None:
        rule = AccessRule.model_validate({"any_of": ["group:/hr"]})
        async with database.owner.begin() as owner:
            await owner.execute(text("update collection_grant set role = 'reader'"))
            await owner.execute(
                text(
                    "insert into account (id, tenant_id, issuer, subject)"
                    " values (:id, 1, 'https://issuer', 'another')"
                ),
                {"id": STRANGER},
            )
            hidden = [
                await write_document(owner, watched.library, rule, creator=STRANGER)
                for _ in range(3)
            ]
            await owner.execute(
                text(
                    "update document set status = 'failed', error_code = 'malformed',"
                    " ended_at = now(), begun_at = now() where id = any(:ids)"
                ),
                {"ids": hidden[:2]},
            )
        states = await watched.first_of_collection()
        assert [state.id for state in states] == [watched.document, watched.library.collection]
        counted = shown(states[-1])
        assert (counted["waiting"], counted["failed"], counted["per_second"]) == (1, 0, None)

    async def test_begin_with_what_failed_before_one_came(
        self, watched: Watched, database: TestDatabase
    ) -> None:
        async with database.owner.begin() as owner:
            broken = await write_document(owner, watched.library, None)
            await owner.execute(
                text(
                    "update document set status = 'failed', stage = 'parsing', ended_at = now(),"
                    " error_code = 'encrypted', error_detail = 'It has a password.'"
                    " where id = :id"
                ),
                {"id": broken},
            )
        failed, waiting, whole = map(shown, await watched.first_of_collection())
        assert (failed["id"], failed["stage"]) == (str(broken), "parsing")
        assert failed["error"] == {"code": "encrypted", "detail": "It has a password."}
        assert waiting["status"] == "queued"
        assert whole["failed"] == 1

    @pytest.mark.parametrize(
        ("change", "sent"),
        [
            ("updated_at = d2", 1),
            ("updated_at = now() - interval '1 hour'", 0),
            # It came before the other one failed, and its row has changed since.
            (
                "status = 'processing', begun_at = now() - interval '23.5 h', created_at = d2",
                1,
            ),
            ("status = 'processing', created_at = now(), begun_at = now()", 0),
            ("status = 'ready', ended_at = now(), updated_at = d2", 0),
        ],
    )
    async def test_begin_with_no_failure_from_before_what_goes_on(
        self, watched: Watched, database: TestDatabase, change: str, sent: int
    ) -> None:
        async with database.owner.begin() as owner:
            broken = await write_document(owner, watched.library, None)
            await owner.execute(
                text(
                    "update document set status = 'failed', error_code = 'encrypted',"
                    " ended_at = now() - interval '1 day' where id = :id"
                ),
                {"id": broken},
            )
            await owner.execute(
                text(f"update document set {change.replace('d2', DAYS_AGO)} where id = :id"),
                {"id": watched.document},
            )
        states = await watched.first_of_collection()
        assert [state.id for state in states].count(broken) == sent
        assert shown(states[-1])["failed"] == 1


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
