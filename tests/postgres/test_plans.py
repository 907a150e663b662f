"""The plans behind the walls: a policy may not make a search read every document.

`&&` is not leakproof, so PostgreSQL would evaluate it after the policies, row by row, if it stood
in the query; inside the policy the index serves it. All documents here are in one collection or
the other: then the planner knows least of what the grants of a caller are worth.
"""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.index.search_statements import OPENING
from muniment.postgres.unit_of_work import Scope
from tests.postgres.town import Town
from tests.support.wall_rows import add_document, add_grant

DOCUMENTS = 20_000
FEW = 200
KEY = "00000000-0000-0000-0000-000000000000"
NARROW = Scope(1, frozenset({"everyone", "user:narrow"}))
GRANTED = Scope(1, frozenset({"everyone", "role:granted"}))
OWNER = Scope(1, frozenset({"everyone", "role:owner"}))
INDEXES = ("document_acl_idx", "document_unruled_idx", "document_collection_id_")
"""Of those that begin with the collection, any will do."""


@pytest.fixture
async def crowded(town: Town) -> Town:
    """Many documents that their rules reserve, and a second collection with a few open ones.

    Everyone holds a grant to the first; by itself it opens nothing.
    """
    small = "5a11c011-0000-0000-0000-000000000000"
    async with town.database.owner.begin() as owner:
        await add_grant(owner, town.mine, "everyone")
        await owner.execute(
            text(
                "insert into collection (id, tenant_id, name, created_by, revision)"
                " values (:small, 1, 'small', :account, 1)"
            ),
            {"small": small, "account": town.mine.account},
        )
        await owner.execute(
            text(
                "insert into collection_grant (collection_id, principal, tenant_id, role)"
                " values (:small, 'role:granted', 1, 'reader'), (:small, 'role:owner', 1, 'owner')"
            ),
            {"small": small},
        )
        await owner.execute(
            text(
                "insert into document (id, tenant_id, collection_id, name, media_type,"
                " rule_principals, created_by, bytes, revision) select gen_random_uuid(), 1,"
                " case when i > :many then cast(:small as uuid) else :collection end, 'n' || i,"
                " 'text/plain', case when i > :many then null when i % 100 = 0 then"
                " '{user:narrow}' else '{group:/readers}' end::text[], :account, 1, 1"
                " from generate_series(1, cast(:many as int) + :few) i"
            ),
            {
                "collection": town.mine.collection,
                "small": small,
                "account": town.mine.account,
                "many": DOCUMENTS,
                "few": FEW,
            },
        )
    async with town.database.owner.connect() as owner:
        autocommit = await owner.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(
            text("vacuum analyze document, document_version, chunk, collection_grant")
        )
    return town


async def plan(session: AsyncSession, statement: str) -> str:
    return "\n".join((await session.execute(text(f"explain {statement}"))).scalars())


async def rows_read(session: AsyncSession) -> int:
    found = await session.execute(
        text(
            "select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint"
            " from pg_stat_xact_user_tables"
        )
    )
    return int(found.scalar_one())


async def looks_at_grants(session: AsyncSession) -> int:
    found = await session.execute(
        text(
            "select coalesce(sum(seq_scan + idx_scan), 0)::bigint from pg_stat_xact_user_tables"
            " where relname = 'collection_grant'"
        )
    )
    return int(found.scalar_one())


class TestProbe:
    @pytest.mark.parametrize("scope", [NARROW, GRANTED, OWNER], ids=["rule", "grant", "owner"])
    async def test_reads_what_the_caller_may_and_little_else(
        self, crowded: Town, scope: Scope
    ) -> None:
        probe = "select id, chunks from document limit 501"
        async with crowded.database.serving.begin(scope) as session:
            await session.execute(OPENING, {"effort": "100", "probes": "20"})
            found = await plan(session, probe)
            before = await rows_read(session)
            # The small collection's, or the rule's; and the one that the town has without a rule.
            assert len((await session.execute(text(probe))).all()) == FEW + 1
            read = await rows_read(session) - before

        for index in INDEXES:
            assert f"Bitmap Index Scan on {index}" in found
        assert "BitmapOr" in found
        assert "Seq Scan" not in found
        assert read < FEW + 50

    async def test_would_read_every_document_if_the_overlap_stood_in_the_query(
        self, crowded: Town
    ) -> None:
        """The trap itself: when this fails, the reason for the policy's shape is gone."""
        async with crowded.database.worker.begin(Scope(1)) as session:
            found = await plan(session, "select id from document where acl && '{1:user:narrow}'")

        assert "document_acl_idx" not in found

    async def test_would_read_every_document_if_the_planner_had_its_way(
        self, crowded: Town
    ) -> None:
        """Why a search forbids it: when this fails, the settings of the opening may go."""
        async with crowded.database.serving.begin(NARROW) as session:
            found = await plan(session, "select id, chunks from document limit 501")

        assert "Seq Scan on document" in found


class TestReadsByKey:
    @pytest.mark.parametrize(
        ("table", "condition", "index"),
        [
            ("document", f"id = '{KEY}'", "document_pkey"),
            ("chunk", f"document_id = '{KEY}'", "chunk_document_id_version_ordinal_key"),
            ("document_version", f"document_id = '{KEY}'", "document_version_"),
            (
                "collection_grant",
                "tenant_id = 1 and principal = 'a'",
                "collection_grant_tenant_id_principal_idx",
            ),
        ],
    )
    async def test_keep_their_index(
        self, crowded: Town, table: str, condition: str, index: str
    ) -> None:
        async with crowded.database.serving.begin(NARROW) as session:
            await session.execute(text("set local enable_seqscan = off"))
            found = await plan(session, f"select 1 from {table} where {condition}")

        assert index in found
        assert "Seq Scan on document " not in found

    @pytest.mark.parametrize(
        "check",
        [
            "select 1 from k, lateral (select from document d where d.id = k.id offset 0) x",
            "select v.text from k join document_version v on v.document_id = k.id",
            "select c.text from k join chunk c on c.document_id = k.id",
        ],
        ids=["document", "version", "chunk"],
    )
    async def test_look_at_the_grants_once_however_many_they_are(
        self, crowded: Town, check: str
    ) -> None:
        async with crowded.database.serving.begin(GRANTED) as session:
            await session.execute(OPENING, {"effort": "100", "probes": "20"})
            looks = []
            for number in (10, 100):
                keys = text(
                    "with k as materialized (select id from document where collection_id ="
                    f" (select id from collection where name = 'small') limit {number}) {check}"
                )
                before = await looks_at_grants(session)
                await session.execute(keys)
                looks.append(await looks_at_grants(session) - before)

            await session.execute(text("select count(*) from document"))
            assert await looks_at_grants(session) > 0

        # Twice or so for each place where the statement asks for documents, by the plan that the
        # statistics of the moment give; not once for each key.
        assert max(looks) < 10, looks


class TestWriting:
    async def test_adds_a_document_without_reading_the_others(self, crowded: Town) -> None:
        async with crowded.database.serving.begin(NARROW) as session:
            before = await rows_read(session)
            await add_document(session, crowded.mine, principals=["user:narrow"])
            assert await rows_read(session) - before < 100
