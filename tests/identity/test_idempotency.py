import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, text
from structlog.testing import capture_logs

from muniment.identity.errors import IdempotencyInProgressError, IdempotencyKeyReusedError
from muniment.identity.idempotency import (
    IdempotencyStore,
    KeptAnswer,
    Replay,
    Ticket,
    fingerprint_of,
    purge_expired,
)
from muniment.identity.models import Account, Tenant
from muniment.identity.principal import Principal
from muniment.postgres.engine import create_engine
from muniment.postgres.unit_of_work import Transactions
from tests.support.database import SETTINGS, TestDatabase
from tests.support.waiting import wait_until_somebody_waits

BODY, OTHER = fingerprint_of(b"body"), fingerprint_of(b"other")
ANSWER = KeptAnswer(201, {"location": "/x/1"}, b'{"id": 1}')


async def make_principal(database: TestDatabase, subject: str, tenant_id: int) -> Principal:
    async with database.owner.begin() as connection:
        statement = insert(Account).returning(Account.id)
        values = {"tenant_id": tenant_id, "issuer": "https://a", "subject": subject}
        user_id: UUID = (await connection.execute(statement, values)).scalar_one()
    return Principal(
        user_id=user_id,
        tenant_id=tenant_id,
        tenant="t",
        issuer="https://a",
        subject=subject,
        roles=frozenset(),
        groups=frozenset(),
        attributes={},
        permissions=frozenset(),
    )


@pytest.fixture
async def tenant_id(database: TestDatabase) -> int:
    async with database.owner.begin() as connection:
        statement = insert(Tenant).values(name="t").returning(Tenant.id)
        found: int = (await connection.execute(statement)).scalar_one()
    return found


@pytest.fixture
async def alice(database: TestDatabase, tenant_id: int) -> Principal:
    return await make_principal(database, "alice", tenant_id)


@pytest.fixture
def store(database: TestDatabase) -> IdempotencyStore:
    return IdempotencyStore(database.serving)


async def begin(
    store: IdempotencyStore, principal: Principal, fingerprint: bytes = BODY
) -> Replay | Ticket:
    return await store.begin(principal, "make", "key", fingerprint)


async def take(store: IdempotencyStore, principal: Principal) -> Ticket:
    begun = await begin(store, principal)
    assert isinstance(begun, Ticket)
    return begun


async def age_rows(database: TestDatabase, by: timedelta) -> None:
    async with database.owner.begin() as connection:
        await connection.execute(
            text(
                "update idempotency_key set created_at = created_at - cast(:by as interval),"
                " locked_until = locked_until - cast(:by as interval)"
            ),
            {"by": by},
        )


class TestBegin:
    async def test_replays_what_was_kept(self, store: IdempotencyStore, alice: Principal) -> None:
        await store.finish(await take(store, alice), ANSWER)
        assert await begin(store, alice) == Replay(ANSWER)

    async def test_waits_for_no_running_request(
        self, store: IdempotencyStore, alice: Principal
    ) -> None:
        await take(store, alice)
        with pytest.raises(IdempotencyInProgressError):
            await begin(store, alice)

    @pytest.mark.parametrize("is_done", [True, False])
    async def test_refuses_another_body(
        self, store: IdempotencyStore, alice: Principal, *, is_done: bool
    ) -> None:
        ticket = await take(store, alice)
        if is_done:
            await store.finish(ticket, ANSWER)
        with pytest.raises(IdempotencyKeyReusedError):
            await begin(store, alice, OTHER)

    async def test_gives_one_ticket_to_many_at_once(
        self, store: IdempotencyStore, alice: Principal
    ) -> None:
        results = await asyncio.gather(
            *(begin(store, alice) for _ in range(8)), return_exceptions=True
        )
        assert sum(isinstance(result, Ticket) for result in results) == 1
        assert sum(isinstance(result, IdempotencyInProgressError) for result in results) == 7

    async def test_knows_a_key_that_is_given_back_at_the_same_moment(
        self, store: IdempotencyStore, alice: Principal
    ) -> None:
        for _ in range(10):
            ticket = await take(store, alice)
            *late, _ = await asyncio.gather(
                *(begin(store, alice) for _ in range(3)),
                store.abandon(ticket),
                return_exceptions=True,
            )
            known = (Ticket, IdempotencyInProgressError)
            assert [one for one in late if not isinstance(one, known)] == []
            for one in late:
                if isinstance(one, Ticket):
                    await store.abandon(one)

    async def test_keeps_callers_and_routes_apart(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase, tenant_id: int
    ) -> None:
        bob = await make_principal(database, "bob", tenant_id)
        await take(store, alice)
        assert isinstance(await begin(store, bob, OTHER), Ticket)
        assert isinstance(await store.begin(alice, "other", "key", OTHER), Ticket)

    async def test_takes_over_from_a_request_that_died(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        dead = await take(store, alice)
        await age_rows(database, timedelta(seconds=61))
        with pytest.raises(IdempotencyKeyReusedError):
            await begin(store, alice, OTHER)
        heir = await take(store, alice)
        await store.finish(dead, KeptAnswer(500))
        await store.abandon(dead)
        await store.finish(heir, ANSWER)
        assert await begin(store, alice) == Replay(ANSWER)

    async def test_forgets_after_a_day(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        await store.finish(await take(store, alice), ANSWER)
        await age_rows(database, timedelta(hours=23))
        assert isinstance(await begin(store, alice), Replay)
        await age_rows(database, timedelta(hours=1))
        assert isinstance(await begin(store, alice, OTHER), Ticket)


class TestFinishWithin:
    async def test_keeps_the_answer_if_the_work_is_committed(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        ticket = await take(store, alice)
        async with database.serving.begin(ticket.scope) as session:
            await store.finish_within(session, ticket, ANSWER)
        assert await begin(store, alice) == Replay(ANSWER)

    async def test_keeps_nothing_of_work_that_is_rolled_back(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        ticket = await take(store, alice)
        async with database.serving.begin(ticket.scope) as session:
            await store.finish_within(session, ticket, ANSWER)
            await session.rollback()
        await store.abandon(ticket)
        assert isinstance(await begin(store, alice), Ticket)

    async def test_refuses_work_that_another_request_has_taken_over(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        late = await take(store, alice)
        await age_rows(database, timedelta(seconds=61))
        heir = await take(store, alice)
        async with database.serving.begin(late.scope) as session:
            with pytest.raises(IdempotencyInProgressError):
                await store.finish_within(session, late, KeptAnswer(500))
        async with database.serving.begin(heir.scope) as session:
            await store.finish_within(session, heir, ANSWER)
        assert await begin(store, alice) == Replay(ANSWER)

    async def test_makes_the_next_request_wait_for_its_commit(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        """Even when the lease has run out: who commits first has done the work."""
        ticket = await take(store, alice)
        await age_rows(database, timedelta(seconds=61))
        aged = replace(ticket, locked_until=ticket.locked_until - timedelta(seconds=61))
        async with database.serving.begin(ticket.scope) as session:
            await store.finish_within(session, aged, ANSWER)
            coming = asyncio.create_task(begin(store, alice))
            await wait_until_somebody_waits(database)
        assert await coming == Replay(ANSWER)


class TestAbandon:
    async def test_waits_for_a_commit_that_is_under_way(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        ticket = await take(store, alice)
        async with database.serving.begin(ticket.scope) as session:
            await store.finish_within(session, ticket, ANSWER)
            abandoning = asyncio.create_task(store.abandon(ticket))
            await wait_until_somebody_waits(database)
        await abandoning
        assert await begin(store, alice) == Replay(ANSWER)

    async def test_leaves_the_key_taken_when_the_database_is_away(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        ticket = await take(store, alice)
        nowhere = SecretStr("postgresql://nobody@127.0.0.1:1/nothing?sslmode=disable")
        engine = create_engine(nowhere, SETTINGS, application="test-nowhere")
        with capture_logs() as log:
            await IdempotencyStore(Transactions(engine)).abandon(ticket)
        assert [entry["event"] for entry in log] == ["idempotency_key_stays_taken"]
        with pytest.raises(IdempotencyInProgressError):
            await begin(store, alice)

    async def test_frees_the_key_at_once(self, store: IdempotencyStore, alice: Principal) -> None:
        await store.abandon(await take(store, alice))
        assert isinstance(await begin(store, alice, OTHER), Ticket)

    async def test_leaves_a_kept_answer(self, store: IdempotencyStore, alice: Principal) -> None:
        ticket = await take(store, alice)
        await store.finish(ticket, ANSWER)
        await store.abandon(ticket)
        assert await begin(store, alice) == Replay(ANSWER)


class TestPurgeExpired:
    async def test_removes_what_is_older_than_a_day_in_every_tenant(
        self, store: IdempotencyStore, alice: Principal, database: TestDatabase
    ) -> None:
        await store.finish(await take(store, alice), ANSWER)
        assert await purge_expired(database.worker) == 0
        await age_rows(database, timedelta(hours=24))
        assert await purge_expired(database.worker) == 1
        assert await purge_expired(database.worker) == 0


class TestFingerprint:
    def test_knows_where_one_part_ends(self) -> None:
        assert fingerprint_of(b"ab", b"c") != fingerprint_of(b"a", b"bc")
        assert len(fingerprint_of()) == 32
