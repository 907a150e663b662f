"""What the two roles may touch, and which rows the policies show them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.app.tables import all_tables
from muniment.kit.errors import ConfigurationError
from muniment.postgres.embedded.roles import OWNER, SERVING, WORKER
from muniment.postgres.unit_of_work import Scope
from muniment.postgres.walls import lost_by_owner
from tests.support.database import TestDatabase, walls_of

EXEMPT = {"embedding_space", "job", "chunk_vector", "chunk_lex", "lex_term", "lex_total"}
"""Tables with a tenant or without that stand outside the walls by design (see walls.sql)."""

CRUD = {"SELECT", "INSERT", "UPDATE", "DELETE"}
SERVING_GRANTS = {
    "alembic_version": {"SELECT"},
    "tenant": {"SELECT", "INSERT"},
    "embedding_space": {"SELECT"},
    "account": {"SELECT", "INSERT", "UPDATE"},
    "profile": {"SELECT", "INSERT", "UPDATE"},
    "account_rights": {"SELECT", "INSERT", "UPDATE"},
    "api_key": {"SELECT", "INSERT"},
    "idempotency_key": CRUD,
    "web_session": {"SELECT", "INSERT", "UPDATE"},
    "sign_in_attempt": {"SELECT", "INSERT", "DELETE"},
    "sign_in_link": {"SELECT", "INSERT", "DELETE"},
    "collection": CRUD,
    "collection_grant": {"SELECT", "INSERT", "DELETE"},
    "document": {"SELECT", "INSERT", "UPDATE"},
    "document_version": {"SELECT", "INSERT"},
    "pending_original": {"SELECT", "INSERT", "DELETE"},
    "tenant_usage": {"SELECT", "INSERT", "UPDATE"},
    "source": CRUD,
    "revocation": {"SELECT", "INSERT"},
    "audit_entry": {"SELECT"},
    "chunk": {"SELECT"},
    "chunk_vector": {"SELECT"},
    "chunk_states": {"SELECT"},
    "chunk_lex": {"SELECT"},
    "lex_term": {"SELECT"},
    "lex_total": {"SELECT"},
    "lex_block": {"SELECT"},
    "lex_tail": {"SELECT"},
    "lex_fold": {"SELECT"},
    "job": {"SELECT", "INSERT"},
}
WORKER_GRANTS = {
    "alembic_version": {"SELECT"},
    "tenant": {"SELECT"},
    "embedding_space": {"SELECT"},
    "api_key": {"DELETE"},
    "erased_subject": {"SELECT", "DELETE"},
    "idempotency_key": {"SELECT", "DELETE"},
    "web_session": {"SELECT", "DELETE"},
    "sign_in_attempt": {"SELECT", "DELETE"},
    "sign_in_link": {"SELECT", "DELETE"},
    "collection": {"SELECT", "DELETE"},
    "collection_grant": {"SELECT"},
    "document": CRUD,
    "document_version": CRUD,
    "pending_original": CRUD,
    "tenant_usage": {"SELECT", "INSERT", "UPDATE"},
    "source": {"SELECT", "UPDATE"},
    "revocation": {"SELECT", "DELETE"},
    "audit_entry": {"SELECT", "DELETE"},
    "chunk": {"SELECT", "INSERT", "DELETE"},
    "chunk_vector": {"SELECT", "INSERT", "DELETE"},
    "chunk_states": {"SELECT", "INSERT", "DELETE"},
    "chunk_lex": {"SELECT", "INSERT", "DELETE"},
    "lex_term": CRUD,
    "lex_total": CRUD,
    "lex_block": CRUD,
    "lex_tail": {"SELECT", "INSERT", "DELETE"},
    "lex_fold": {"SELECT", "INSERT", "UPDATE"},
    "job": CRUD,
}


ADDED_OF_AN_ENTRY = {
    "tenant_id",
    "actor_id",
    "actor",
    "action",
    "outcome",
    "object_kind",
    "object_id",
    "details",
    "request_id",
    "address",
}
"""What whoever adds to the audit says: not when it was, which number it has or how often it was."""


async def grantees(owner: AsyncConnection) -> set[str]:
    """Name whoever may do anything to a table, a column or a function of ours."""
    found = await owner.execute(
        text(
            "select distinct grantee::regrole::text from ("
            " select (aclexplode(relacl)).grantee from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind = 'r'"
            " union all select (aclexplode(attacl)).grantee from pg_attribute where attrelid in"
            " (select oid from pg_class where relnamespace = 'public'::regnamespace)"
            " union all select (aclexplode(proacl)).grantee from pg_proc"
            " where proname like 'muniment%') granted"
        )
    )
    return set(found.scalars())


class TestGrants:
    @pytest.mark.parametrize(
        ("role", "expected"), [(SERVING, SERVING_GRANTS), (WORKER, WORKER_GRANTS)]
    )
    async def test_are_exactly_those_of_the_page(
        self, database: TestDatabase, role: str, expected: dict[str, set[str]]
    ) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select c.relname, array_agg(a.privilege_type) as granted"
                    " from pg_class c, aclexplode(c.relacl) a"
                    " where c.relnamespace = 'public'::regnamespace"
                    " and a.grantee = cast(:role as regrole) group by 1"
                ),
                {"role": role},
            )
            assert {row.relname: set(row.granted) for row in found} == expected

    async def test_of_single_columns_are_for_a_role_a_lock_and_what_an_entry_says(
        self, database: TestDatabase
    ) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select attrelid::regclass::text || '.' || attname from pg_attribute"
                    " where attrelid in (select oid from pg_class where relnamespace ="
                    " 'public'::regnamespace) and attacl is not null"
                )
            )
            assert set(found.scalars()) == {
                "api_key.expires_at",
                "api_key.id",
                "api_key.last_used_at",
                "api_key.revoked_at",
                "collection_grant.role",
                "collection.updated_at",
                *(f"audit_entry.{name}" for name in ADDED_OF_AN_ENTRY),
            }

    async def test_leave_nothing_to_everybody(self, database: TestDatabase) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select p.proname from pg_proc p, aclexplode(coalesce(p.proacl,"
                    " acldefault('f', p.proowner))) a where a.grantee = 0"
                    " and p.proname like 'muniment%' union all"
                    " select c.relname from pg_class c, aclexplode(c.relacl) a"
                    " where a.grantee = 0 and c.relnamespace = 'public'::regnamespace"
                )
            )
            assert found.scalars().all() == []

    @pytest.mark.parametrize(
        ("role", "expected"),
        [
            (
                SERVING,
                {
                    "muniment_audit_fold",
                    "muniment_audit_logout",
                    "muniment_count_documents",
                    "muniment_document_walls",
                    "muniment_end_sessions",
                    "muniment_erase_account",
                    "muniment_key_sign_in",
                    "muniment_sign_in",
                    "muniment_web_session",
                },
            ),
            (
                WORKER,
                {"muniment_index_orphans", "muniment_source_owner", "muniment_stray_keys"},
            ),
        ],
    )
    async def test_of_functions_are_those_that_each_calls(
        self, database: TestDatabase, role: str, expected: set[str]
    ) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select proname from pg_proc where proname like 'muniment%'"
                    " and has_function_privilege(cast(:role as text), oid, 'execute')"
                ),
                {"role": role},
            )
            assert set(found.scalars()) == expected

    async def test_roles_own_nothing_and_are_not_mighty(self, database: TestDatabase) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select rolname from pg_roles r where rolname in (:serving, :worker) and"
                    " (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication"
                    " or exists (select from pg_class where relowner = r.oid)"
                    " or exists (select from pg_proc where proowner = r.oid)"
                    " or exists (select from pg_auth_members where member = r.oid))"
                ),
                {"serving": SERVING, "worker": WORKER},
            )
            assert found.all() == []

    async def test_functions_of_the_owner_search_temporary_tables_last(
        self, database: TestDatabase
    ) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text("select proconfig from pg_proc where proname like 'muniment%' and prosecdef")
            )
            assert set(map(tuple, found.scalars())) == {
                ("search_path=pg_catalog, public, pg_temp",)
            }


class TestPolicies:
    async def test_stand_on_every_table_of_a_tenant(self, database: TestDatabase) -> None:
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select relname, relrowsecurity, relforcerowsecurity, (select count(*)"
                    " from pg_policies p where p.tablename = relname) as policies from pg_class"
                    " where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
                )
            )
            tables = {row.relname: row for row in found}
        walled = {
            table.name
            for table in all_tables().tables.values()
            if "tenant_id" in table.columns and table.name not in EXEMPT
        }
        assert {name for name, row in tables.items() if row.relrowsecurity} == walled
        assert {name for name, row in tables.items() if row.policies} == walled
        assert not any(row.relforcerowsecurity for row in tables.values())

    async def test_exempt_tables_hold_no_words_of_users(self, database: TestDatabase) -> None:
        """Ids, numbers and vectors alone; of the job, what the program itself has written."""
        async with database.owner.connect() as owner:
            found = await owner.execute(
                text(
                    "select table_name || '.' || column_name from information_schema.columns"
                    " where table_schema = 'public' and table_name = any (:exempt)"
                    " and data_type in ('text', 'jsonb', 'ARRAY', 'bytea')"
                ),
                {"exempt": sorted(EXEMPT)},
            )
            assert set(found.scalars()) == {
                "embedding_space.embedder",
                "embedding_space.metric",
                "embedding_space.revision",
                "job.key",
                "job.kind",
                "job.owner",
                "job.payload",
                "job.last_error",
                "job.state",
            }


class TestPage:
    async def test_is_left_alone_when_it_is_up(self, database: TestDatabase) -> None:
        async with database.owner.connect() as owner:
            assert await walls_of(database.urls).are_up(owner)

    async def test_is_missing_after_a_change_of_the_page_or_of_a_role(
        self, database: TestDatabase
    ) -> None:
        walls = walls_of(database.urls)
        changed = [
            replace(walls, page=walls.page + "\n-- another day"),
            replace(walls, serving="somebody"),
            replace(walls, worker="somebody"),
        ]
        async with database.owner.connect() as owner:
            assert [await wall.are_up(owner) for wall in changed] == [False, False, False]

    async def test_takes_away_what_a_former_page_gave(self, database: TestDatabase) -> None:
        walls = walls_of(database.urls)
        loose = replace(walls, page="grant delete on document to {serving};\n" + walls.page)
        async with database.owner.begin() as owner:
            await loose.apply(owner)
        async with database.owner.begin() as owner:
            assert not await walls.are_up(owner)
            await walls.apply(owner)
            assert await walls.are_up(owner)

        with pytest.raises(DBAPIError, match="permission denied"):
            async with database.serving.begin(Scope(1)) as session:
                await session.execute(text("delete from document"))

    async def test_is_applied_as_a_whole_or_not_at_all(self, database: TestDatabase) -> None:
        walls = walls_of(database.urls)
        broken = replace(walls, page=walls.page + "\ngrant select on nowhere to {serving};")

        with pytest.raises(DBAPIError, match="nowhere"):
            async with database.owner.begin() as owner:
                await broken.apply(owner)

        async with database.owner.connect() as owner:
            assert await walls.are_up(owner)

    async def test_refuses_one_role_for_both_halves(self, database: TestDatabase) -> None:
        walls = replace(walls_of(database.urls), worker=SERVING)
        async with database.owner.connect() as owner:
            with pytest.raises(ConfigurationError, match="are the same"):
                await walls.apply(owner)

    @pytest.mark.parametrize("setting", ["url", "worker_url"])
    async def test_refuses_the_owner_in_the_place_of_another(
        self, database: TestDatabase, setting: str
    ) -> None:
        walls = walls_of(database.urls)
        kind = "serving" if setting == "url" else "worker"
        async with database.owner.connect() as owner:
            with pytest.raises(ConfigurationError, match=rf"database\.{setting} names the role"):
                await replace(walls, **{kind: OWNER}).apply(owner)
            assert await walls.are_up(owner)
            assert await lost_by_owner(owner) == []

    async def test_takes_everything_from_a_role_of_former_addresses(
        self, database: TestDatabase, as_superuser: Callable[[str], Awaitable[None]]
    ) -> None:
        walls = walls_of(database.urls)
        await as_superuser("create role former")
        try:
            async with database.owner.connect() as owner, owner.begin() as transaction:
                await replace(walls, serving="former").apply(owner)
                assert await grantees(owner) == {OWNER, WORKER, "former"}
                await walls.apply(owner)
                assert await grantees(owner) == {OWNER, WORKER, SERVING}
                await transaction.rollback()
        finally:
            await as_superuser("drop role former")
