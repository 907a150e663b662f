"""The plans behind the walls: a policy may not make a search read every document.

`&&` is not leakproof, so PostgreSQL would evaluate it after the policies, row by row, if it stood
in the query; inside the policy the index serves it.
"""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.postgres.unit_of_work import Scope
from tests.postgres.town import Town
from tests.support.wall_rows import add_document

DOCUMENTS = 20_000
KEY = "00000000-0000-0000-0000-000000000000"
NARROW = Scope(1, frozenset({"user:narrow"}))


@pytest.fixture
async def crowded(town: Town) -> Town:
    """Many documents of one tenant, of which one caller may read two hundred."""
    async with town.database.owner.begin() as owner:
        await owner.execute(text("alter table document disable trigger document_acl"))
        await owner.execute(
            text(
                "insert into document (id, tenant_id, collection_id, name, media_type, acl,"
                " created_by, bytes, revision) select gen_random_uuid(), 1, :collection,"
                " 'n' || i, 'text/plain', case when i % 100 = 0 then '{1:user:narrow}'"
                " else '{1:group:/readers}' end::text[], :account, 1, 1"
                " from generate_series(1, cast(:documents as int)) i"
            ),
            {
                "collection": town.mine.collection,
                "account": town.mine.account,
                "documents": DOCUMENTS,
            },
        )
        await owner.execute(text("alter table document enable trigger document_acl"))
    async with town.database.owner.connect() as owner:
        autocommit = await owner.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("vacuum analyze document"))
    return town


async def plan(session: AsyncSession, statement: str) -> str:
    return "\n".join((await session.execute(text(f"explain {statement}"))).scalars())


class TestDocumentPolicy:
    async def test_finds_what_few_may_read_by_the_index_on_principals(self, crowded: Town) -> None:
        async with crowded.database.serving.begin(NARROW) as session:
            found = await plan(session, "select id from document limit 500")
            assert await session.scalar(text("select count(*) from document")) == 200

        assert "Bitmap Index Scan on document_acl_idx" in found
        assert "Seq Scan on document" not in found

    async def test_would_read_every_document_if_the_overlap_stood_in_the_query(
        self, crowded: Town
    ) -> None:
        """The trap itself: when this fails, the reason for the policy's shape is gone."""
        async with crowded.database.worker.begin(Scope(1)) as session:
            found = await plan(session, "select id from document where acl && '{1:user:narrow}'")

        assert "document_acl_idx" not in found

    @pytest.mark.parametrize(
        ("table", "condition", "index"),
        [
            ("document", f"id = '{KEY}'", "document_pkey"),
            ("chunk", f"document_id = '{KEY}'", "chunk_document_id_version_ordinal_key"),
            ("document_version", f"document_id = '{KEY}'", "document_version_pkey"),
            (
                "collection_grant",
                "tenant_id = 1 and principal = 'a'",
                "collection_grant_tenant_id_principal_idx",
            ),
        ],
    )
    async def test_leaves_reads_by_key_their_index(
        self, crowded: Town, table: str, condition: str, index: str
    ) -> None:
        async with crowded.database.serving.begin(NARROW) as session:
            await session.execute(text("set local enable_seqscan = off"))
            found = await plan(session, f"select 1 from {table} where {condition}")

        assert index in found
        assert "Seq Scan on document " not in found

    async def test_adds_a_document_without_reading_the_others(self, crowded: Town) -> None:
        async with crowded.database.serving.begin(NARROW) as session:
            before = await self.rows_read(session)
            await add_document(session, crowded.mine, principals=["user:narrow"])
            assert await self.rows_read(session) - before < 100

    async def rows_read(self, session: AsyncSession) -> int:
        found = await session.execute(
            text(
                "select coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint"
                " from pg_stat_xact_user_tables"
            )
        )
        return int(found.scalar_one())
