"""Which rows the two roles may read and write."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.postgres.unit_of_work import Scope, Transactions
from tests.postgres.town import READER, Town
from tests.support.wall_rows import add_document, add_grant

NOBODY: frozenset[str] = frozenset()
OF_TENANT = (
    "account",
    "profile",
    "account_rights",
    "idempotency_key",
    "collection",
    "collection_grant",
    "pending_original",
    "tenant_usage",
)
OF_DOCUMENT = ("document", "document_version", "chunk", "source")


async def tenants_seen(transactions: Transactions, scope: Scope | None, table: str) -> list[int]:
    async with transactions.begin(scope) as session:
        found = await session.execute(text(f"select tenant_id from {table} order by 1"))
        return list(found.scalars())


class TestReading:
    @pytest.mark.parametrize("table", OF_TENANT + OF_DOCUMENT)
    async def test_without_a_scope_shows_nothing(self, town: Town, table: str) -> None:
        assert await tenants_seen(town.database.serving, None, table) == []

    @pytest.mark.parametrize("table", OF_TENANT)
    async def test_of_what_belongs_to_the_tenant_shows_the_tenants_own(
        self, town: Town, table: str
    ) -> None:
        assert await tenants_seen(town.database.serving, Scope(1), table) == [1]
        assert await tenants_seen(town.database.serving, Scope(3), table) == []

    async def test_of_sessions_is_for_the_user_whose_they_are(self, town: Town) -> None:
        mine = frozenset({f"user:{town.mine.account}"})
        for scope, seen in (
            (None, []),
            (Scope(1, NOBODY), []),
            (Scope(1, frozenset({f"user:{town.theirs.account}"})), []),
            (Scope(2, mine), []),
            (Scope(1, mine), [1]),
        ):
            assert await tenants_seen(town.database.serving, scope, "web_session") == seen
        assert await tenants_seen(town.database.worker, None, "web_session") == [1, 2]

    @pytest.mark.parametrize("table", OF_DOCUMENT)
    @pytest.mark.parametrize(
        ("scope", "seen"),
        [
            (Scope(1, READER), [1]),
            (Scope(2, READER), [2]),
            (Scope(3, READER), []),
            (Scope(1, NOBODY), []),
            (Scope(1, frozenset({"group:/reader", "group:/readers/x"})), []),
        ],
    )
    async def test_of_a_document_and_its_text_needs_a_grant_to_one_of_the_names(
        self, town: Town, table: str, scope: Scope, seen: list[int]
    ) -> None:
        assert await tenants_seen(town.database.serving, scope, table) == seen

    @pytest.mark.parametrize("role", ["reader", "editor", "owner"])
    @pytest.mark.parametrize("rule", [None, '{"any_of": ["group:/readers"]}'])
    async def test_of_a_source_without_a_document_is_for_its_owner_and_editors(
        self, town: Town, role: str, rule: str | None
    ) -> None:
        """With a rule for the document that comes, it is for its owner alone."""
        async with town.database.owner.begin() as owner:
            await owner.execute(
                text("update source set document_id = null, rule = cast(:rule as jsonb)"),
                {"rule": rule},
            )
            await owner.execute(text("update collection_grant set role = :role"), {"role": role})
        mine = Scope(1, frozenset({f"user:{town.mine.account}"}))
        may_edit = role != "reader" and rule is None
        for scope, seen in (
            (mine, [1]),
            (Scope(2, mine.principals), []),
            (Scope(1, READER), [1] if may_edit else []),
            (Scope(1, NOBODY), []),
        ):
            assert await tenants_seen(town.database.serving, scope, "source") == seen

    async def test_of_keys_is_for_their_owner_in_their_tenant(self, town: Town) -> None:
        mine, theirs = (f"user:{one.account}" for one in (town.mine, town.theirs))
        for scope, seen in (
            (Scope(1, frozenset({mine})), [1]),
            (Scope(1, frozenset({theirs, "role:admin", "everyone"})), []),
            (Scope(2, frozenset({mine})), []),
            (Scope(1), []),
            (None, []),
        ):
            assert await tenants_seen(town.database.serving, scope, "api_key") == seen

    @pytest.mark.parametrize("table", ["document_version", "chunk"])
    async def test_of_a_text_asks_the_document_and_not_the_tenant_on_the_row(
        self, town: Town, table: str
    ) -> None:
        """A row that claims tenant 1 below a document of tenant 2 stays hidden."""
        async with town.database.owner.begin() as owner:
            await owner.execute(text(f"update {table} set tenant_id = 1"))

        assert await tenants_seen(town.database.serving, Scope(1, READER), table) == [1]

    @pytest.mark.parametrize("table", ["collection", "collection_grant", *OF_DOCUMENT[:3]])
    async def test_by_the_worker_looks_at_the_tenant_alone(self, town: Town, table: str) -> None:
        assert await tenants_seen(town.database.worker, None, table) == []
        assert await tenants_seen(town.database.worker, Scope(1), table) == [1]

    @pytest.mark.parametrize("table", ["pending_original", "source"])
    async def test_of_what_the_worker_has_to_look_for_shows_that_of_every_tenant(
        self, town: Town, table: str
    ) -> None:
        assert await tenants_seen(town.database.worker, None, table) == [1, 2]

    @pytest.mark.parametrize("table", ["account", "profile", "account_rights", "api_key"])
    async def test_of_people_is_refused_to_the_worker(self, town: Town, table: str) -> None:
        with pytest.raises(DBAPIError, match="permission denied"):
            await tenants_seen(town.database.worker, Scope(1), table)


Write = Callable[[AsyncSession, Town], Awaitable[object]]


async def insert_document(session: AsyncSession, town: Town) -> object:
    return await add_document(session, town.theirs)


async def insert_into_their_collection(session: AsyncSession, town: Town) -> object:
    return await add_document(session, replace(town.mine, collection=town.theirs.collection))


async def grant_their_collection(session: AsyncSession, town: Town) -> object:
    library = replace(town.mine, collection=town.theirs.collection)
    await add_grant(session, library, "group:/spies")
    return None


async def insert_their_profile(session: AsyncSession, town: Town) -> object:
    return await session.execute(
        text("insert into profile (account_id, tenant_id) values (:id, 1)"),
        {"id": town.theirs.account},
    )


async def insert_their_key(session: AsyncSession, town: Town) -> object:
    return await session.execute(
        text(
            "insert into api_key (id, account_id, tenant_id, name, prefix, secret_hash, scope,"
            " expires_at) values (:id, :id, 1, 'n', 'mun_', 'x', '{search:query}', 'infinity')"
        ),
        {"id": town.theirs.account},
    )


async def insert_their_version(session: AsyncSession, town: Town) -> object:
    return await session.execute(
        text(
            "insert into document_version (document_id, number, tenant_id, media_type, bytes,"
            " sha256, original_key, created_by) values (:d, 2, 1, 't', 1, '', 'k', :a)"
        ),
        {"d": town.their_document, "a": town.mine.account},
    )


def statement(sql: str) -> Write:
    async def run(session: AsyncSession, _town: Town) -> object:
        return await session.execute(text(sql))

    return run


class TestWriting:
    @pytest.mark.parametrize(
        "write",
        [
            insert_document,
            insert_into_their_collection,
            grant_their_collection,
            insert_their_profile,
            insert_their_key,
            insert_their_version,
            statement("insert into pending_original values ('mine', 2)"),
            statement("update tenant_usage set tenant_id = 2"),
            statement("update document set tenant_id = 2"),
            statement("update collection set tenant_id = 2"),
            statement("update account set tenant_id = 2"),
        ],
    )
    async def test_into_another_tenant_is_refused(self, town: Town, write: Write) -> None:
        with pytest.raises(DBAPIError, match="row-level security"):
            async with town.database.serving.begin(Scope(1, READER)) as session:
                await write(session, town)

    @pytest.mark.parametrize(
        "sql",
        [
            "delete from document",
            "delete from chunk",
            "update chunk set text = ''",
            "update document_version set text = ''",
            "insert into chunk_vector select * from chunk_vector",
            "update collection_grant set principal = 'group:/x'",
            "update pending_original set stored_at = now()",
            "delete from tenant_usage",
            "update job set state = 'queued'",
            "delete from job",
            "delete from account",
            "delete from api_key",
            "update api_key set scope = '{}'",
            "update api_key set expires_at = 'infinity'",
            "create table mine (id int)",
            "alter table document disable row level security",
            "drop policy effective_principals on document",
        ],
    )
    async def test_by_the_serving_role_stays_within_its_grants(self, town: Town, sql: str) -> None:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            async with town.database.serving.begin(Scope(1, READER)) as session:
                await session.execute(text(sql))

    @pytest.mark.parametrize("scope", [None, Scope(2, READER), Scope(1, NOBODY)])
    async def test_changes_no_document_that_is_not_seen(
        self, town: Town, scope: Scope | None
    ) -> None:
        async with town.database.serving.begin(scope) as session:
            changed = await session.execute(
                text("update document set name = 'x' where id = :id returning id"),
                {"id": town.my_document},
            )
            assert changed.all() == []

    @pytest.mark.parametrize(
        "table", ["collection", "collection_grant", "idempotency_key", "pending_original"]
    )
    async def test_deletes_within_the_tenant_only(self, town: Town, table: str) -> None:
        async with town.database.serving.begin(Scope(3)) as session:
            assert (await session.execute(text(f"delete from {table} returning 1"))).all() == []
        async with town.database.serving.begin(Scope(1)) as session:
            await session.execute(text(f"delete from {table}"))

        async with town.database.owner.connect() as owner:
            left = await owner.execute(text(f"select tenant_id from {table}"))
            assert left.scalars().all() == [2]

    async def test_by_the_worker_stays_within_the_tenant(self, town: Town) -> None:
        async with town.database.worker.begin(Scope(1)) as session:
            for sql in ("update document set status = 'ready'", "delete from chunk"):
                await session.execute(text(sql))

        async with town.database.owner.connect() as owner:
            states = await owner.execute(text("select status from document order by tenant_id"))
            chunks = await owner.execute(text("select tenant_id from chunk"))
            assert states.scalars().all() == ["ready", "queued"]
            assert chunks.scalars().all() == [2]

    async def test_of_a_chunk_by_the_worker_needs_its_tenant(self, town: Town) -> None:
        with pytest.raises(DBAPIError, match="row-level security"):
            async with town.database.worker.begin(Scope(1)) as session:
                await session.execute(
                    text(
                        "insert into chunk (document_id, tenant_id, version, ordinal,"
                        " start_offset, end_offset, text) values (:id, 2, 1, 1, 0, 1, 'x')"
                    ),
                    {"id": town.their_document},
                )
