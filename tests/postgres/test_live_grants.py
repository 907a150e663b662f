"""A change of a grant holds from the next statement on, and changes no document."""

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Scope, Transactions
from tests.postgres.town import Town
from tests.support.wall_rows import add_document, add_grant

NEW = Scope(1, frozenset({"role:new"}))
TABLES = ("document", "document_version", "chunk")


@pytest.fixture
async def granting(town: Town) -> AsyncIterator[Transactions]:
    """Transactions of somebody else, who decides about grants on a connection of their own."""
    engine = create_engine(town.database.urls.serving, DatabaseSettings(), application="test")
    yield Transactions(engine)
    await engine.dispose()


async def change(granting: Transactions, town: Town, sql: str) -> None:
    async with granting.begin(Scope(1)) as session:
        await session.execute(text(sql), {"id": town.mine.collection})


REMOVE = "delete from collection_grant where collection_id = :id and principal = 'role:new'"
OWN = "update collection_grant set role = 'owner' where collection_id = :id"
READ = "update collection_grant set role = 'reader' where collection_id = :id"


async def rows(session: AsyncSession) -> list[int]:
    """Count what is shown of each table that holds something of documents."""
    counted = ", ".join(f"(select count(*) from {table})" for table in TABLES)
    return list((await session.execute(text(f"select {counted}"))).one())


class TestChangeOfAGrant:
    async def test_holds_for_the_next_statement_of_a_transaction_that_is_open(
        self, town: Town, granting: Transactions
    ) -> None:
        async with town.database.serving.begin(NEW) as session:
            seen = [await rows(session)]
            async with granting.begin(Scope(1)) as other:
                await add_grant(other, town.mine, "role:new")
                seen.append(await rows(session))
            seen.append(await rows(session))
            await change(granting, town, REMOVE)
            seen.append(await rows(session))

        assert seen == [[0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0]]

    async def test_holds_on_a_connection_whose_statements_were_planned_before(
        self, town: Town, granting: Transactions
    ) -> None:
        backends = set()
        seen = []
        settings = DatabaseSettings(pool_size=1)
        engine = create_engine(town.database.urls.serving, settings, application="test")
        for round_number in range(6):
            async with Transactions(engine).begin(NEW) as session:
                await session.execute(text("set local plan_cache_mode = force_generic_plan"))
                backends.add(await session.scalar(text("select pg_backend_pid()")))
                seen.append(await rows(session))
            if round_number % 2 == 0:
                async with granting.begin(Scope(1)) as other:
                    await add_grant(other, town.mine, "role:new")
            else:
                await change(granting, town, REMOVE)
        await engine.dispose()

        assert len(backends) == 1
        assert seen == [[0, 0, 0], [1, 1, 1]] * 3

    async def test_of_a_role_opens_and_closes_what_has_a_rule(
        self, town: Town, granting: Transactions
    ) -> None:
        async with town.database.owner.begin() as owner:
            await add_document(owner, town.mine, principals=["role:somebody"])
            await add_grant(owner, town.mine, "role:new")
        seen = []
        async with town.database.serving.begin(NEW) as session:
            for sql in (READ, OWN, READ):
                await change(granting, town, sql)
                seen.append(await session.scalar(text("select count(*) from document")))

        assert seen == [1, 2, 1]

    async def test_lets_nobody_write_any_more_who_has_lost_theirs(
        self, town: Town, granting: Transactions
    ) -> None:
        async with town.database.owner.begin() as owner:
            await add_grant(owner, town.mine, "role:new", "editor")
        rename = text("update document set name = 'x' returning 1")
        async with town.database.serving.begin(NEW) as session:
            before = (await session.execute(rename)).all()
            await change(granting, town, REMOVE)
            after = (await session.execute(rename)).all()

        assert (len(before), len(after)) == (1, 0)

    async def test_touches_no_document(self, town: Town, granting: Transactions) -> None:
        async with town.database.owner.begin() as owner:
            for principals in (None, [], ["role:new"]):
                await add_document(owner, town.mine, principals=principals)
        before = await self.versions(town)
        async with granting.begin(Scope(1)) as session:
            await add_grant(session, town.mine, "role:new")
        for sql in (OWN, REMOVE):
            await change(granting, town, sql)

        assert len(before) == 5
        assert await self.versions(town) == before

    async def versions(self, town: Town) -> Sequence[tuple[object, ...]]:
        """Give for each row of a document which transaction wrote it and where it lies."""
        async with town.database.owner.connect() as owner:
            found = await owner.execute(
                text("select id, xmin::text, xmax::text, ctid::text from document order by id")
            )
            return [tuple(row) for row in found]
