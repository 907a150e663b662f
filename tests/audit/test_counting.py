"""Counts of refusals and sign-ins: one entry for many, none lost while the database is away."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from muniment.audit import counting
from muniment.audit.acts import Action, Actor, Details
from muniment.audit.counting import AuditCounter
from muniment.kit.errors import UnavailableError
from muniment.kit.ids import new_id
from muniment.postgres.unit_of_work import Scope
from tests.support.database import TestDatabase
from tests.support.fixed_clock import FixedClock
from tests.support.fragile_transactions import FragileTransactions
from tests.support.trail import trail_of

ALICE = Actor.user(new_id(), 1, "https://id.example", "alice")
BOB = Actor.user(new_id(), 2, "https://id.example", "bob")
DENIED = Details(reason="permission_denied", route="GET /api/v1/users")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def transactions(database: TestDatabase) -> FragileTransactions:
    return FragileTransactions(database.serving)


@pytest.fixture
def counter(transactions: FragileTransactions, clock: FixedClock) -> AuditCounter:
    return AuditCounter(transactions, clock)


def deny(counter: AuditCounter, actor: Actor = ALICE, details: Details = DENIED) -> None:
    counter.refuse(Action.ACCESS_DENIED, "denied", actor, details)


def fail(counter: AuditCounter, address: str | None) -> None:
    actor = Actor.anonymous(address)
    counter.refuse(Action.SIGN_IN_REFUSED, "failed", actor, Details(reason="expired"))


class TestRefusals:
    async def test_a_thousand_of_one_caller_in_a_minute_are_one_entry(
        self, database: TestDatabase, counter: AuditCounter
    ) -> None:
        for _ in range(1000):
            deny(counter)
        await counter.flush()
        [entry] = await trail_of(database)
        assert (entry.action, entry.outcome, entry.count) == ("access.denied", "denied", 1000)
        assert (entry.tenant_id, entry.actor_id, entry.actor) == (1, ALICE.account_id, ALICE.name)
        assert entry.details == {"reason": "permission_denied", "route": "GET /api/v1/users"}

    async def test_of_several_flushes_and_processes_are_one_entry(
        self, database: TestDatabase, counter: AuditCounter, clock: FixedClock
    ) -> None:
        other = AuditCounter(database.serving, clock)
        for one in (counter, other, counter):
            deny(one)
            await one.flush()
        assert [entry.count for entry in await trail_of(database)] == [3]

    async def test_of_processes_that_write_at_once_never_wait_crosswise(
        self, database: TestDatabase, clock: FixedClock
    ) -> None:
        processes = [AuditCounter(database.serving, clock) for _ in range(4)]
        addresses = [f"203.0.{number}.1" for number in range(60)]
        for number, process in enumerate(processes):
            for address in addresses[number * 15 :] + addresses[: number * 15]:
                fail(process, address)
        await asyncio.gather(*(process.flush() for process in processes))
        assert {entry.count for entry in await trail_of(database)} == {4}

    async def test_of_two_minutes_callers_or_reasons_are_two_entries(
        self, database: TestDatabase, counter: AuditCounter, clock: FixedClock
    ) -> None:
        deny(counter)
        deny(counter, BOB)
        deny(counter, details=Details(reason="not_an_owner"))
        clock.advance(timedelta(minutes=1))
        deny(counter)
        await counter.flush()
        assert [entry.count for entry in await trail_of(database)] == [1, 1, 1, 1]

    async def test_keep_the_route_of_the_first(
        self, database: TestDatabase, counter: AuditCounter
    ) -> None:
        deny(counter)
        deny(counter, details=DENIED.model_copy(update={"route": "GET /api/v1/audit"}))
        await counter.flush()
        [entry] = await trail_of(database)
        assert (entry.count, entry.details["route"]) == (2, "GET /api/v1/users")

    async def test_of_neighbours_are_counted_together(
        self, database: TestDatabase, counter: AuditCounter
    ) -> None:
        for address in ("203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8::2", None):
            fail(counter, address)
        await counter.flush()
        found = {entry.actor: entry.count for entry in await trail_of(database)}
        assert found == {
            "anonymous 203.0.113.0/24": 2,
            "anonymous 2001:db8::/64": 2,
            "anonymous": 1,
        }

    async def test_from_everywhere_fill_no_table(
        self,
        database: TestDatabase,
        counter: AuditCounter,
        clock: FixedClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(counting, "MOST_NETWORKS", 3)
        for _ in range(2):
            for number in range(10):
                fail(counter, f"203.0.{number}.1")
        deny(counter)
        await counter.flush()
        counts = sorted(entry.count for entry in await trail_of(database))
        assert counts == [1, 2, 2, 2, 14]
        clock.advance(timedelta(minutes=1))
        fail(counter, "203.0.9.1")
        await counter.flush()
        assert (await trail_of(database))[-1].actor == "anonymous 203.0.9.0/24"


class TestSignIns:
    async def test_are_one_entry_for_all_tokens_of_one(
        self, database: TestDatabase, counter: AuditCounter, clock: FixedClock
    ) -> None:
        for proof in ("session a", "session a", "session b"):
            counter.sign_in(ALICE, proof)
            clock.advance(timedelta(minutes=5))
        counter.sign_in(BOB, "session a")
        await counter.flush()
        found = [(entry.actor, entry.count) for entry in await trail_of(database, "sign_in")]
        assert sorted(found) == sorted([(ALICE.name, 2), (ALICE.name, 1), (BOB.name, 1)])


class TestFlush:
    async def test_without_anything_to_write_asks_nothing(
        self, transactions: FragileTransactions, counter: AuditCounter
    ) -> None:
        transactions.trouble = UnavailableError("away")
        await counter.flush()
        assert transactions.refused == 0

    async def test_keeps_what_cannot_be_written(
        self, database: TestDatabase, transactions: FragileTransactions, counter: AuditCounter
    ) -> None:
        deny(counter)
        transactions.trouble = UnavailableError("away")
        with pytest.raises(UnavailableError):
            await counter.flush()
        deny(counter)
        transactions.trouble = None
        await counter.flush()
        await counter.flush()
        assert [entry.count for entry in await trail_of(database)] == [2]

    async def test_goes_on_after_an_outage(
        self,
        database: TestDatabase,
        transactions: FragileTransactions,
        counter: AuditCounter,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(counting, "INTERVAL", timedelta(milliseconds=5))
        transactions.trouble = OSError("no route to host")
        flushing = asyncio.create_task(counter.keep_flushing())
        deny(counter)
        async with asyncio.timeout(10):
            while transactions.refused < 2:
                await asyncio.sleep(0.01)
            transactions.trouble = None
            while not await trail_of(database):
                await asyncio.sleep(0.01)
        flushing.cancel()

    async def test_tells_apart_no_more_than_memory_holds(
        self, database: TestDatabase, counter: AuditCounter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counting, "MOST_NOTES", 2)
        for number in range(5):
            deny(counter, Actor.user(new_id(), 1, "https://id.example", f"user-{number}"))
        await counter.flush()
        found = [(entry.tenant_id, entry.count) for entry in await trail_of(database)]
        assert sorted(found, key=str) == [(1, 1), (1, 1), (None, 3)]

    async def test_at_the_end_writes_what_is_left(
        self, database: TestDatabase, counter: AuditCounter
    ) -> None:
        deny(counter)
        await counter.close()
        assert len(await trail_of(database)) == 1

    async def test_at_the_end_stops_nobody_from_ending(
        self, transactions: FragileTransactions, counter: AuditCounter
    ) -> None:
        deny(counter)
        transactions.trouble = OSError("no route to host")
        await counter.close()


async def fold_again(database: TestDatabase, count: int) -> None:
    """Call the function with the key of the one entry there is, and with other words."""
    async with database.owner.connect() as owner:
        fold = await owner.scalar(text("select encode(fold, 'hex') from audit_entry"))
    words = {"actor": "x", "action": "x", "outcome": "done", "details": {}}
    notes = json.dumps([{**words, "fold": fold, "count": count}])
    async with database.serving.begin(Scope(1)) as session:
        call = text("select muniment_audit_fold(cast(:notes as jsonb))")
        await session.execute(call, {"notes": notes})


class TestFunction:
    async def test_changes_nothing_of_an_entry_but_its_count(
        self, database: TestDatabase, counter: AuditCounter
    ) -> None:
        deny(counter)
        await counter.flush()
        [before] = await trail_of(database)
        await fold_again(database, 1)
        [after] = await trail_of(database)
        assert after == replace(before, count=2)

    @pytest.mark.parametrize("count", [0, -5])
    async def test_never_counts_down(
        self, database: TestDatabase, counter: AuditCounter, count: int
    ) -> None:
        deny(counter)
        await counter.flush()
        with pytest.raises(DBAPIError, match="audit_entry_count_check"):
            await fold_again(database, count)

    async def test_never_counts_over(self, database: TestDatabase, counter: AuditCounter) -> None:
        deny(counter)
        await counter.flush()
        await fold_again(database, 2**31 - 1)
        assert [entry.count for entry in await trail_of(database)] == [2**31 - 1]
