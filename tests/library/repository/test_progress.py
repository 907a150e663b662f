"""What a look at progress reads, in a collection with many documents and few that wait."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.kit.ids import new_id
from muniment.library.repository.progress import WATCHED_AT_ONCE, ProgressRepository
from muniment.postgres.unit_of_work import Scope
from tests.support.database import TestDatabase
from tests.support.wall_rows import Library, add_grant, add_library

ENDED, WAITING = 5_000, 600


@dataclass
class Crowd:
    """A collection of documents that ended long ago, without a time, and of some that wait."""

    database: TestDatabase
    library: Library
    principal: Principal
    waiting: list[UUID]

    @property
    def scope(self) -> Scope:
        return Scope(self.principal.tenant_id, self.principal.names)

    async def look(self, watched: frozenset[UUID]) -> dict[UUID, str]:
        async with self.database.serving.begin(self.scope) as session:
            found = await ProgressRepository(session).list_in_progress(
                self.principal, self.library.collection, watched
            )
        return {document.id: document.status for document in found}

    async def end(self, documents: list[UUID]) -> None:
        async with self.database.owner.begin() as owner:
            await owner.execute(
                text("update document set status = 'ready' where id = any(:ids)"),
                {"ids": documents},
            )


@pytest.fixture
async def crowd(database: TestDatabase) -> Crowd:
    waiting = sorted(new_id() for _ in range(WAITING))
    async with database.owner.begin() as owner:
        library = await add_library(owner, 1)
        await add_grant(owner, library, library.creator, "owner")
        await owner.execute(
            text(
                "insert into document (id, tenant_id, collection_id, name, media_type, status,"
                " created_by, bytes, revision) select coalesce(d.id, gen_random_uuid()), 1,"
                " :collection, 'n', 'text/plain',"
                " case when d.id is null then 'ready' else 'queued' end, :account, 1, 1"
                " from unnest(cast(:waiting as uuid[])"
                " || array_fill(null::uuid, array[cast(:ended as int)])) as d (id)"
            ),
            {
                "collection": library.collection,
                "account": library.account,
                "waiting": waiting,
                "ended": ENDED,
            },
        )
    async with database.owner.connect() as owner:
        autocommit = await owner.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze document, collection_grant"))
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
    return Crowd(database, library, principal, waiting)


async def rows_read(session: AsyncSession) -> int:
    found = await session.execute(
        text(
            "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables"
            " where relname = 'document'"
        )
    )
    return int(found.scalar_one())


class TestLook:
    async def test_reads_what_waits_and_not_what_ended_before_times_were_kept(
        self, crowd: Crowd
    ) -> None:
        await crowd.end(crowd.waiting[5:])
        async with crowd.database.serving.begin(crowd.scope) as session:
            # As from the sixth run of a statement on: nothing may hang on the values it is given.
            await session.execute(text("set local plan_cache_mode = force_generic_plan"))
            progress = ProgressRepository(session)
            before = await rows_read(session)
            found = await progress.list_in_progress(
                crowd.principal, crowd.library.collection, frozenset(crowd.waiting[:2])
            )
            pace = await progress.pace_of(crowd.principal, crowd.library.collection)
            read = await rows_read(session) - before
        assert [document.id for document in found] == crowd.waiting[:5]
        assert (pace.waiting, pace.ended) == (5, 0)
        # The rows that ended just now are still in the index, until a vacuum.
        assert read < 3 * WAITING

    async def test_shows_every_end_and_the_next_in_the_place_of_each(self, crowd: Crowd) -> None:
        first = await crowd.look(frozenset())
        assert list(first) == crowd.waiting[:WATCHED_AT_ONCE]
        again = await crowd.look(frozenset(first))
        assert again == first
        await crowd.end(crowd.waiting[10:20])
        after = await crowd.look(frozenset(again))
        assert list(after) == crowd.waiting[: WATCHED_AT_ONCE + 10]
        assert [each for each, status in after.items() if status == "ready"] == crowd.waiting[10:20]

    async def test_takes_more_ids_than_a_statement_takes_values(self, crowd: Crowd) -> None:
        many = frozenset(new_id() for _ in range(40_000))
        found = await crowd.look(many | frozenset(crowd.waiting[:1]))
        assert list(found) == crowd.waiting[:WATCHED_AT_ONCE]
