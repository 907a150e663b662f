"""Entries stand and fall with their act, and nobody who writes them can change one."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from muniment.audit import repository
from muniment.audit.acts import Act, Action, Actor, Details, Target
from muniment.audit.models import AuditEntry
from muniment.audit.repository import purge_audit
from muniment.audit.trail import record
from muniment.kit.ids import new_id
from muniment.postgres.unit_of_work import Scope
from tests.support.database import TestDatabase
from tests.support.trail import trail_of

ALICE = Actor.user(new_id(), 1, "https://id.example", "alice")
MALLORY = Actor.user(new_id(), 2, "https://id.example", "mallory")
COLLECTION = Target("collection", new_id())
GIVEN = Act(Action.GRANT_GIVEN, ALICE, COLLECTION, Details(principal="everyone", role="reader"))


async def write(database: TestDatabase, act: Act = GIVEN) -> None:
    tenant = act.actor.tenant_id
    async with database.serving.begin(None if tenant is None else Scope(tenant)) as session:
        await record(session, act)


class TestRecord:
    async def test_says_who_did_what_to_what(self, database: TestDatabase) -> None:
        await write(database)
        [entry] = await trail_of(database)
        assert (entry.action, entry.outcome, entry.count) == ("grant.given", "done", 1)
        assert (entry.actor, entry.actor_id) == (ALICE.name, ALICE.account_id)
        assert (entry.tenant_id, entry.object_kind) == (1, "collection")
        assert entry.object_id == COLLECTION.id
        assert entry.details == {"principal": "everyone", "role": "reader"}
        assert (entry.request_id, entry.address) == (None, None)

    async def test_leaves_nothing_of_what_was_rolled_back(self, database: TestDatabase) -> None:
        async with database.serving.begin(Scope(1)) as session:
            await record(session, GIVEN)
            await session.rollback()
        assert await trail_of(database) == []

    async def test_is_possible_without_a_tenant_for_nobodys_matter(
        self, database: TestDatabase
    ) -> None:
        await write(database, Act(Action.LOGOUT, Actor.anonymous(None)))
        [entry] = await trail_of(database)
        assert entry.tenant_id is None

    @pytest.mark.parametrize("scope", [None, Scope(2)])
    async def test_is_refused_for_another_tenant(
        self, database: TestDatabase, scope: Scope | None
    ) -> None:
        with pytest.raises(DBAPIError, match="row-level security"):
            async with database.serving.begin(scope) as session:
                await record(session, GIVEN)

    async def test_is_possible_for_the_worker_who_acts_for_a_user(
        self, database: TestDatabase
    ) -> None:
        async with database.worker.begin(Scope(1)) as session:
            await record(session, GIVEN)
        assert len(await trail_of(database)) == 1


class TestWalls:
    async def test_show_a_tenant_its_own_entries_alone(self, database: TestDatabase) -> None:
        await write(database)
        await write(database, Act(Action.LOGOUT, MALLORY))
        await write(database, Act(Action.LOGOUT, Actor.anonymous(None)))
        seen: dict[int | None, list[str]] = {}
        for scope in (Scope(1), Scope(2), Scope(3), None):
            async with database.serving.begin(scope) as session:
                names = await session.scalars(select(AuditEntry.actor))
                seen[None if scope is None else scope.tenant_id] = list(names)
        assert seen == {1: [ALICE.name], 2: [MALLORY.name], 3: [], None: ["anonymous"]}

    @pytest.mark.parametrize(
        "statement",
        [
            "update audit_entry set count = 2",
            "update audit_entry set actor = 'nobody'",
            "delete from audit_entry",
            "truncate audit_entry",
            "insert into audit_entry (id, actor) overriding system value values (1, 'x')",
            "insert into audit_entry (actor, action, created_at) values ('x', 'x', now())",
            "insert into audit_entry (actor, action, outcome, count) values ('x', 'x', 'done', 9)",
            "insert into audit_entry (actor, action, outcome, fold) values ('x', 'x', 'done', '')",
        ],
    )
    async def test_let_nobody_who_serves_change_what_was_written(
        self, database: TestDatabase, statement: str
    ) -> None:
        await write(database)
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.serving.begin(Scope(1)) as session:
                await session.execute(text(statement))
        assert len(await trail_of(database)) == 1

    async def test_let_no_worker_change_what_was_written(self, database: TestDatabase) -> None:
        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.worker.begin(Scope(1)) as session:
                await session.execute(text("update audit_entry set actor = 'nobody'"))


class TestPurge:
    async def test_removes_what_was_kept_long_enough_and_nothing_else(
        self, database: TestDatabase
    ) -> None:
        await write(database)
        await write(database, Act(Action.LOGOUT, MALLORY))
        async with database.owner.begin() as owner:
            aged = (
                "update audit_entry set created_at = now() - interval '8 days' where tenant_id = 2"
            )
            await owner.execute(text(aged))
        assert await purge_audit(database.worker, timedelta(days=7)) == 1
        assert [entry.actor for entry in await trail_of(database)] == [ALICE.name]
        assert await purge_audit(database.worker, timedelta(days=7)) == 0

    async def test_removes_piece_by_piece_however_much_it_is(
        self, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(repository, "PIECE", 2)
        for _ in range(5):
            await write(database)
        async with database.owner.begin() as owner:
            aged = "update audit_entry set created_at = now() - interval '8 days'"
            await owner.execute(text(aged))
        await write(database)
        assert await purge_audit(database.worker, timedelta(days=7)) == 5
        assert len(await trail_of(database)) == 1
