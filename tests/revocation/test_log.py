import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from muniment.identity.grounds import Grounds
from muniment.kit.errors import UnavailableError
from muniment.postgres.doorbell import Doorbell
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import engine_url, role_name
from muniment.postgres.prepared import PreparedReads
from muniment.revocation.entries import Entry
from muniment.revocation.log import OVERLAP, RevocationLog
from muniment.revocation.models import RevocationKind
from muniment.revocation.repository import (
    CHANNEL,
    RevocationRepository,
    purge_revocations,
)
from tests.revocation.grounds import (
    ACCOUNT,
    ALICE,
    ISSUER,
    KEY,
    NOON,
    WEB_SESSION,
    issued_at,
)
from tests.support.database import SETTINGS, TestDatabase, as_superuser

SECOND = timedelta(seconds=1)
LONG = timedelta(days=3650)
SESSION = Entry("session", ISSUER, "sid-1", NOON)


@pytest.fixture
async def reads(database: TestDatabase) -> AsyncIterator[PreparedReads]:
    async with PreparedReads(database.urls.serving, SETTINGS) as opened:
        yield opened


@pytest.fixture
def log(reads: PreparedReads, database: TestDatabase) -> RevocationLog:
    return RevocationLog(reads, database.serving, LONG)


async def revoke(database: TestDatabase, *entries: Entry, token_id: str | None = None) -> bool:
    async with database.serving.begin(None) as session:
        return await RevocationRepository(session).add(entries, token_id)


@asynccontextmanager
async def watching(log: RevocationLog) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(log.keep_watch())
        yield
        task.cancel()


async def ends_within(seconds: float, ended: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        return False
    return True


class TestIsRevoked:
    @pytest.mark.parametrize(
        ("kind", "name"), [("session", "sid-1"), ("subject", "alice"), ("issuer", "")]
    )
    @pytest.mark.parametrize("is_polled", [True, False], ids=["in memory", "by the database"])
    async def test_covers_what_is_not_from_after_the_cutoff(
        self,
        log: RevocationLog,
        database: TestDatabase,
        kind: RevocationKind,
        name: str,
        *,
        is_polled: bool,
    ) -> None:
        await revoke(database, Entry(kind, ISSUER, name, NOON))
        if is_polled:
            await log.poll()
        assert await log.is_revoked(issued_at(NOON - SECOND))
        assert await log.is_revoked(issued_at(NOON))
        # Somebody who signs in again inside the same single sign-on session keeps its sid.
        assert not await log.is_revoked(issued_at(NOON + SECOND))

    @pytest.mark.parametrize("is_polled", [True, False], ids=["in memory", "by the database"])
    async def test_does_not_confuse_names(
        self, log: RevocationLog, database: TestDatabase, *, is_polled: bool
    ) -> None:
        others = [
            Entry("session", "https://other.example", "sid-1", NOON),
            Entry("session", ISSUER, "alice", NOON),
            Entry("subject", ISSUER, "sid-1", NOON),
            Entry("subject", ISSUER, "bob", NOON),
            Entry("account", ISSUER, "alice", NOON),
        ]
        await revoke(database, *others)
        if is_polled:
            await log.poll()
        assert not await log.is_revoked(ALICE)

    async def test_keeps_the_latest_cutoff(
        self, log: RevocationLog, database: TestDatabase
    ) -> None:
        await revoke(database, replace(SESSION, cutoff=NOON + SECOND))
        await revoke(database, SESSION)
        await log.poll()
        assert await log.is_revoked(issued_at(NOON + SECOND))

    async def test_asks_the_database_while_nobody_polls(
        self, log: RevocationLog, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("muniment.revocation.log.STALE_AFTER", timedelta(0))
        await log.poll()
        await revoke(database, SESSION)
        assert await log.is_revoked(ALICE)

    async def test_lets_nobody_in_where_it_cannot_be_told(
        self, database: TestDatabase, reads: PreparedReads
    ) -> None:
        log = RevocationLog(reads, database.serving, LONG)
        await reads.close()
        with pytest.raises(UnavailableError):
            await log.poll()

    async def test_finds_what_committed_out_of_order(
        self, log: RevocationLog, database: TestDatabase
    ) -> None:
        async with database.owner.begin() as slow:
            await slow.execute(
                text(
                    "insert into revocation (kind, issuer, name, cutoff, created_at) values"
                    " ('session', :issuer, 'sid-1', :cutoff, clock_timestamp() -"
                    " cast(:ago as interval))"
                ),
                {"issuer": ISSUER, "cutoff": NOON, "ago": OVERLAP - 2 * SECOND},
            )
            await log.poll()
            assert not await log.is_revoked(ALICE)
        await log.poll()
        assert await log.is_revoked(ALICE)

    async def test_forgets_what_speaks_of_nothing_alive(
        self, reads: PreparedReads, database: TestDatabase
    ) -> None:
        log = RevocationLog(reads, database.serving, timedelta(hours=1))
        await revoke(database, SESSION)
        await log.poll()
        assert not await log.is_revoked(ALICE)


class TestFollowing:
    @pytest.mark.parametrize(
        ("kind", "issuer", "name"),
        [
            ("session", ISSUER, "sid-1"),
            ("subject", ISSUER, "alice"),
            ("account", "", str(ACCOUNT)),
            ("key", "", str(KEY)),
            ("web_session", "", str(WEB_SESSION)),
        ],
    )
    async def test_ends_what_is_open(
        self,
        log: RevocationLog,
        database: TestDatabase,
        kind: RevocationKind,
        issuer: str,
        name: str,
    ) -> None:
        mine, other = asyncio.Event(), asyncio.Event()
        grounds = replace(ALICE, key_id=KEY, web_session_id=WEB_SESSION)
        bob = Grounds(KEY, ISSUER, "bob", NOON, NOON, None, "sid-2")
        with log.following(grounds, mine.set), log.following(bob, other.set):
            await revoke(database, Entry(kind, issuer, name, NOON))
            await log.poll()
            assert (mine.is_set(), other.is_set()) == (True, False)

    async def test_ends_at_once_what_was_revoked_while_it_opened(
        self, log: RevocationLog, database: TestDatabase
    ) -> None:
        await revoke(database, SESSION)
        await log.poll()
        ended = asyncio.Event()
        with log.following(ALICE, ended.set):
            assert ended.is_set()

    async def test_leaves_alone_what_is_closed(
        self, log: RevocationLog, database: TestDatabase
    ) -> None:
        ended = asyncio.Event()
        with log.following(ALICE, ended.set):
            pass
        await revoke(database, SESSION)
        await log.poll()
        assert not ended.is_set()

    async def test_ends_the_streams_of_who_is_disabled(
        self, log: RevocationLog, database: TestDatabase
    ) -> None:
        async with database.owner.begin() as connection:
            await connection.execute(text("insert into tenant (name) values ('acme')"))
            await connection.execute(
                text(
                    "insert into account (id, tenant_id, issuer, subject)"
                    " select :id, id, :issuer, 'alice' from tenant"
                ),
                {"id": ACCOUNT, "issuer": ISSUER},
            )
        ended = asyncio.Event()
        with log.following(ALICE, ended.set):
            async with database.owner.begin() as connection:
                await connection.execute(text("update account set status = 'disabled'"))
            await log.poll()
        assert ended.is_set()


class TestKeepWatch:
    async def test_hears_within_a_second_without_the_doorbell(
        self, log: RevocationLog, database: TestDatabase
    ) -> None:
        ended = asyncio.Event()
        async with watching(log):
            with log.following(ALICE, ended.set):
                await revoke(database, SESSION)
                assert await ends_within(2, ended)

    async def test_hears_sooner_with_it(self, reads: PreparedReads, database: TestDatabase) -> None:
        async with listening(reads, database) as log:
            for number in range(3):
                ended = asyncio.Event()
                grounds = replace(ALICE, session_id=f"sid-{number}")
                with log.following(grounds, ended.set):
                    await revoke(database, replace(SESSION, name=f"sid-{number}"))
                    assert await ends_within(0.7, ended)

    async def test_hears_right_after_the_listener_was_cut(
        self, reads: PreparedReads, database: TestDatabase, cluster: EmbeddedUrls
    ) -> None:
        ended = asyncio.Event()
        async with listening(reads, database) as log:
            with log.following(ALICE, ended.set):
                await cut(cluster, database, "query ilike 'listen%'")
                await revoke(database, SESSION)
                assert await ends_within(2, ended)

    async def test_goes_on_when_every_connection_was_cut(
        self, reads: PreparedReads, database: TestDatabase, cluster: EmbeddedUrls
    ) -> None:
        ended = asyncio.Event()
        async with listening(reads, database) as log:
            with log.following(ALICE, ended.set):
                await cut(cluster, database, "true")
                await revoke(database, SESSION)
                assert await ends_within(3, ended)


@asynccontextmanager
async def listening(reads: PreparedReads, database: TestDatabase) -> AsyncIterator[RevocationLog]:
    """Watch with a doorbell that is known to listen."""
    doorbell = Doorbell(database.urls.serving, CHANNEL)
    log = RevocationLog(reads, database.serving, LONG, doorbell.rung)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(doorbell.listen())]
        async with asyncio.timeout(10):
            await doorbell.rung.wait()
        tasks.append(group.create_task(log.keep_watch()))
        yield log
        for task in tasks:
            task.cancel()


async def cut(cluster: EmbeddedUrls, database: TestDatabase, which: str) -> None:
    """Terminate some backends of the serving role, and wait until they are gone."""
    await as_superuser(
        cluster,
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database()"
        f" and usename = '{role_name(database.urls.serving)}' and {which}",
        database=engine_url(database.urls.serving).database,
    )


class TestTable:
    async def test_takes_a_logout_token_once(self, database: TestDatabase) -> None:
        assert await revoke(database, SESSION, token_id="t-1")
        assert not await revoke(database, SESSION, token_id="t-1")
        elsewhere = replace(SESSION, issuer="https://other.example")
        assert await revoke(database, elsewhere, token_id="t-1")

    async def test_loses_what_speaks_of_nothing_alive(self, database: TestDatabase) -> None:
        await revoke(database, SESSION)
        assert await purge_revocations(database.worker, timedelta(hours=1)) == 0
        assert await purge_revocations(database.worker, timedelta(0)) == 1
