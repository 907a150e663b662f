import asyncio

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from muniment.app.tables import all_tables
from muniment.index.settings import VectorSettings
from muniment.index.spaces import ensure_space
from muniment.ports.embedding import EmbedderIdentity
from muniment.postgres.engine import DatabaseUrls, engine_url
from muniment.postgres.migrator import (
    SCRIPTS,
    DataLossError,
    MigrationLockedError,
    Migrator,
    SchemaMismatchError,
    UnknownRevisionError,
    ensure_current,
    state_of,
)
from tests.support.database import TestDatabase, migrate, walls_of
from tests.support.wall_rows import acl_of, add_document, add_library

SCRIPT = ScriptDirectory(str(SCRIPTS))
PREVIOUS = [script.revision for script in SCRIPT.walk_revisions()][1]
BEFORE_ACCESS = "2026_11_23_0102"
BEFORE_POSTINGS = "2026_11_24_0100"
BEFORE_PROGRESS = "2026_11_24_1510"
BEFORE_USAGE = "2026_11_24_1500"
BEFORE_SOURCES = "2026_11_24_1620"
TABLES = {table.name for table in all_tables().tables.values()}


def migrator_of(urls: DatabaseUrls) -> Migrator:
    return Migrator(urls.owner, all_tables())


def owner_of(urls: DatabaseUrls) -> AsyncEngine:
    return create_async_engine(engine_url(urls.owner), poolclass=NullPool)


async def table_names(urls: DatabaseUrls) -> set[str]:
    async with owner_of(urls).connect() as connection:
        found = await connection.execute(
            text("select tablename from pg_tables where schemaname = 'public'")
        )
        return set(found.scalars()) - {"alembic_version"}


async def function_names(urls: DatabaseUrls) -> set[str]:
    async with owner_of(urls).connect() as connection:
        found = await connection.execute(
            text("select proname from pg_proc where proname like 'muniment%'")
        )
        return set(found.scalars())


class TestUpgrade:
    async def test_makes_every_table_of_the_models_from_nothing(self, empty: DatabaseUrls) -> None:
        assert await migrator_of(empty).current() is None

        await migrator_of(empty).upgrade()

        assert await migrator_of(empty).current() == Migrator.head()
        assert await table_names(empty) == TABLES

    async def test_goes_down_to_nothing_and_up_again(self, empty: DatabaseUrls) -> None:
        await migrator_of(empty).upgrade()

        await migrator_of(empty).downgrade("base")

        assert await migrator_of(empty).current() is None
        assert await table_names(empty) == set()
        assert await function_names(empty) == set()

        await migrate(empty)
        assert await table_names(empty) == TABLES

    async def test_packed_postings_go_down_and_everything_waits_when_they_come_up_again(
        self, empty: DatabaseUrls
    ) -> None:
        await migrate(empty)
        async with owner_of(empty).begin() as owner:
            await owner.execute(
                text(
                    "insert into chunk_lex (chunk_id, document_id, tenant_id, lex) select n,"
                    " gen_random_uuid(), 1, '{7:1}/1000000000' from generate_series(1, 2) n"
                )
            )
            await owner.execute(text("insert into lex_tail values (1, 2)"))
            await owner.execute(text("insert into lex_block values (1, 7, 0, 1, 1, '', '')"))

        await migrator_of(empty).downgrade(BEFORE_POSTINGS)
        await migrate(empty)

        async with owner_of(empty).connect() as owner:
            waiting = await owner.execute(text("select tenant_id, chunk_id from lex_tail"))
            assert sorted(waiting) == [(1, 1), (1, 2)]
            assert await owner.scalar(text("select count(*) from lex_block")) == 0

    async def test_derived_access_goes_down_and_up_with_rows_in_the_tables(
        self, empty: DatabaseUrls
    ) -> None:
        await migrate(empty)
        async with owner_of(empty).begin() as owner:
            library = await add_library(owner, 1)
            document = await add_document(owner, library, principals=["role:reader"])

        await migrator_of(empty).downgrade(BEFORE_ACCESS)
        async with owner_of(empty).begin() as owner:
            # Nothing keeps the derived column true down here.
            await owner.execute(text("update document set rule_principals = '{role:late}'"))
            assert await acl_of(owner, document) == ["role:reader", library.creator]
        await migrator_of(empty).upgrade()

        async with owner_of(empty).connect() as owner:
            assert await acl_of(owner, document) == ["role:late", library.creator]

    async def test_jobs_that_fetch_sources_go_with_the_sources(self, empty: DatabaseUrls) -> None:
        await migrate(empty)
        async with owner_of(empty).begin() as owner:
            await add_library(owner, 1)
            await owner.execute(
                text(
                    "insert into job (tenant_id, kind, key, payload) select 1, kind, kind, '{}'"
                    " from unnest(array['fetch_source', 'ingest_document']) kind"
                )
            )

        await migrator_of(empty).downgrade(BEFORE_SOURCES)

        async with owner_of(empty).connect() as owner:
            left = await owner.scalars(text("select kind from job"))
            assert left.all() == ["ingest_document"]

    async def test_what_tenants_keep_is_counted_when_the_count_comes(
        self, empty: DatabaseUrls
    ) -> None:
        await migrate(empty)
        async with owner_of(empty).begin() as owner:
            library = await add_library(owner, 1)
            for _ in range(2):
                await add_document(owner, library)
            gone = await add_document(owner, library)
            mark = text("update document set deleted_at = now() where id = :id")
            await owner.execute(mark, {"id": gone})
            await owner.execute(
                text(
                    "insert into document_version (document_id, number, tenant_id, media_type,"
                    " bytes, sha256, original_key, created_by) select id, n, tenant_id,"
                    " media_type, 10 * n, '', id || '-' || n, created_by"
                    " from document, generate_series(1, 2) n"
                )
            )

        await migrator_of(empty).downgrade(BEFORE_USAGE)
        await migrate(empty)

        async with owner_of(empty).connect() as owner:
            rows = await owner.execute(text("select tenant_id, documents, bytes from tenant_usage"))
            assert [tuple(row) for row in rows] == [(1, 2, 60)]

    async def test_revision_that_was_cut_off_is_run_again(self, empty: DatabaseUrls) -> None:
        """What builds an index beside the traffic cannot be one transaction."""
        migrator = migrator_of(empty)
        await migrator.upgrade(BEFORE_PROGRESS)
        async with owner_of(empty).begin() as owner:
            await owner.execute(text("alter table document add column stage text"))
            await owner.execute(text("create index document_unfinished_idx on document (id)"))

        await migrator.upgrade()

        await migrator.compare()
        async with owner_of(empty).connect() as owner:
            told = "select pg_get_indexdef('document_unfinished_idx'::regclass)"
            assert "(collection_id, id) WHERE" in f"{await owner.scalar(text(told))}"
            unsure = "select count(*) from pg_constraint where not convalidated"
            assert await owner.scalar(text(unsure)) == 0

    async def test_failed_revision_leaves_the_ones_before_it(self, empty: DatabaseUrls) -> None:
        async with owner_of(empty).begin() as owner:
            await owner.execute(
                text("create function muniment_erase_account(uuid) returns int return 1")
            )

        with pytest.raises(DBAPIError, match="muniment_erase_account"):
            await migrator_of(empty).upgrade()

        assert await migrator_of(empty).current() == BEFORE_ACCESS
        assert await function_names(empty) == {"muniment_erase_account"}

    async def test_runs_without_row_security_so_that_a_filtered_backfill_fails(
        self, empty: DatabaseUrls
    ) -> None:
        async with migrator_of(empty).connection() as connection:
            settings = await connection.execute(
                text("select current_setting('row_security'), current_setting('lock_timeout')")
            )
            assert settings.one() == ("off", "5s")


class TestGoTo:
    @pytest.mark.parametrize("revision", [PREVIOUS, "base", "head"])
    async def test_goes_forwards_and_back(self, empty: DatabaseUrls, revision: str) -> None:
        expected = {"base": None, "head": Migrator.head()}.get(revision, revision)

        await migrator_of(empty).go_to(revision)
        assert await migrator_of(empty).current() == expected
        await migrator_of(empty).go_to("head")
        await migrator_of(empty).go_to(revision)

        assert await migrator_of(empty).current() == expected

    async def test_names_the_revisions_there_are(self, empty: DatabaseUrls) -> None:
        with pytest.raises(UnknownRevisionError, match="no revision 1999") as refusal:
            await migrator_of(empty).go_to("1999")

        assert refusal.value.hint is not None
        assert PREVIOUS in refusal.value.hint

    async def test_leaves_a_newer_programs_database_alone(self, empty: DatabaseUrls) -> None:
        await migrate(empty)
        async with owner_of(empty).begin() as owner:
            await owner.execute(text("update alembic_version set version_num = '2099_01_01_0000'"))

        with pytest.raises(SchemaMismatchError, match="does not know"):
            await migrator_of(empty).go_to("base")

    async def test_refuses_to_remove_rows_until_it_may(self, empty: DatabaseUrls) -> None:
        await migrate(empty)
        async with owner_of(empty).begin() as connection:
            await add_document(connection, await add_library(connection, 1))
        migrator = migrator_of(empty)

        with pytest.raises(DataLossError, match=r"collection \(1\).* document \(1\)"):
            await migrator.go_to("base")
        assert await migrator.current() == Migrator.head()

        await migrator.go_to("base", discard_data=True)
        assert await table_names(empty) == set()


class TestCompare:
    async def test_finds_no_difference_after_an_upgrade(
        self, empty: DatabaseUrls, capsys: pytest.CaptureFixture[str]
    ) -> None:
        await migrate(empty)

        await migrator_of(empty).compare()

        assert capsys.readouterr().out == ""

    async def test_ignores_the_indexes_of_embedding_spaces(self, empty: DatabaseUrls) -> None:
        await migrate(empty)
        async with migrator_of(empty).connection() as connection:
            await ensure_space(connection, EmbedderIdentity("test", 8, "1"), VectorSettings())

        await migrator_of(empty).compare()

    @pytest.mark.parametrize(
        "change",
        ["alter table document drop column chunks", "drop index document_acl_idx"],
    )
    async def test_names_what_differs(self, empty: DatabaseUrls, change: str) -> None:
        await migrate(empty)
        async with owner_of(empty).begin() as owner:
            await owner.execute(text(change))

        with pytest.raises(SchemaMismatchError, match=change.rsplit(maxsplit=1)[-1]):
            await migrator_of(empty).compare()


class TestRevisions:
    def test_have_a_single_head(self) -> None:
        assert SCRIPT.get_heads() == [Migrator.head()]

    @pytest.mark.parametrize(
        ("revision", "state"),
        [(None, "empty"), (PREVIOUS, "older"), ("2099_01_01_0000", "unknown")],
    )
    def test_tell_what_stands_in_the_database(self, revision: str | None, state: str) -> None:
        assert state_of(revision) == state

    def test_newest_one_may_be_worked_on(self) -> None:
        ensure_current(Migrator.head())

    @pytest.mark.parametrize(
        ("revision", "detail", "hint"),
        [
            (None, "has no tables yet", "Run `muniment migrate`."),
            (PREVIOUS, f"older revision {PREVIOUS}", "Run `muniment migrate`."),
            ("2099_01_01_0000", "which this version does not know", "Install the newer version"),
        ],
    )
    def test_every_other_one_is_refused(self, revision: str | None, detail: str, hint: str) -> None:
        with pytest.raises(SchemaMismatchError) as refusal:
            ensure_current(revision)

        assert detail in refusal.value.detail
        assert Migrator.head() in refusal.value.detail
        assert refusal.value.hint is not None
        assert refusal.value.hint.startswith(hint)


class TestLock:
    async def test_two_migrators_at_once_do_the_work_once(self, empty: DatabaseUrls) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(migrator_of(empty).upgrade())

        assert await migrator_of(empty).current() == Migrator.head()

    async def test_second_migrator_gives_up_after_a_while(self, empty: DatabaseUrls) -> None:
        async with migrator_of(empty).connection():
            with pytest.raises(MigrationLockedError, match="Another process"):
                await migrator_of(empty).current()

        assert await migrator_of(empty).current() is None


class TestWallsAfterMigration:
    async def test_downgrade_forgets_that_the_walls_were_up(self, empty: DatabaseUrls) -> None:
        await migrate(empty)
        walls = walls_of(empty)
        async with owner_of(empty).connect() as owner:
            assert await walls.are_up(owner)

        await migrator_of(empty).downgrade("-1")

        async with owner_of(empty).connect() as owner:
            assert not await walls.are_up(owner)

    async def test_upgrade_without_new_revisions_leaves_them_up(self, empty: DatabaseUrls) -> None:
        await migrate(empty)

        await migrator_of(empty).upgrade()

        async with owner_of(empty).connect() as owner:
            assert await walls_of(empty).are_up(owner)


class TestIndexes:
    async def test_have_the_options_they_were_designed_with(self, database: TestDatabase) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text("select indexname, indexdef from pg_indexes where schemaname = 'public'")
            )
            definitions = {row.indexname: row.indexdef for row in found}

        assert "USING gin (acl)" in definitions["document_acl_idx"]
        assert definitions["document_unruled_idx"].endswith("WHERE (rule_principals IS NULL)")
        assert definitions["collection_grant_tenant_id_principal_idx"].endswith(
            "(tenant_id, principal) INCLUDE (role, collection_id)"
        )
        assert definitions["job_waiting_idx"].endswith("WHERE (state = 'queued'::text)")
        assert definitions["job_leased_idx"].endswith("WHERE (state = 'running'::text)")
        assert "UNIQUE" in definitions["account_sign_in_key"]

    async def test_serve_every_foreign_key_whose_rows_are_deleted(
        self, database: TestDatabase
    ) -> None:
        """Without one, deleting a parent reads the whole child table."""
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select conrelid::regclass::text, conname from pg_constraint k"
                    " where contype = 'f' and confdeltype = 'c' and not exists ("
                    "  select from pg_index i where i.indrelid = k.conrelid"
                    "  and i.indpred is null and i.indkey[0] = k.conkey[1])"
                )
            )
            assert found.all() == []
