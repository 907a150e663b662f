"""Grants and documents that change at the same time: the derived access ends up right."""

import asyncio
from uuid import UUID

from sqlalchemy import text

from muniment.postgres.unit_of_work import Scope
from tests.postgres.town import READER, Town
from tests.support.wall_rows import acl_of, add_document, add_grant

_A_WHILE_S = 0.3
"""Long enough for a statement that is not held up to end."""


async def acl(town: Town, document: UUID) -> list[str]:
    async with town.database.owner.connect() as owner:
        return await acl_of(owner, document)


class TestGrantAndDocument:
    async def test_document_waits_for_a_grant_that_came_first(self, town: Town) -> None:
        scope = Scope(1, READER)

        async def insert() -> UUID:
            async with town.database.serving.begin(scope) as session:
                return await add_document(session, town.mine)

        async with asyncio.TaskGroup() as group, town.database.serving.begin(scope) as session:
            await add_grant(session, town.mine, "role:late")
            inserting = group.create_task(insert())
            await asyncio.sleep(_A_WHILE_S)
            assert not inserting.done()

        assert "role:late" in await acl(town, inserting.result())

    async def test_grant_waits_for_a_document_that_came_first(self, town: Town) -> None:
        scope = Scope(1, READER)

        async def grant() -> None:
            async with town.database.serving.begin(scope) as session:
                await add_grant(session, town.mine, "role:late")

        async with asyncio.TaskGroup() as group, town.database.serving.begin(scope) as session:
            document = await add_document(session, town.mine)
            granting = group.create_task(grant())
            await asyncio.sleep(_A_WHILE_S)
            assert not granting.done()

        assert "role:late" in await acl(town, document)

    async def test_revoked_grant_reaches_a_document_that_was_on_its_way(self, town: Town) -> None:
        async def revoke() -> None:
            async with town.database.serving.begin(Scope(1)) as session:
                await session.execute(text("delete from collection_grant"))

        scope = Scope(1, READER)
        async with asyncio.TaskGroup() as group, town.database.serving.begin(scope) as session:
            document = await add_document(session, town.mine)
            group.create_task(revoke())
            await asyncio.sleep(_A_WHILE_S)

        assert await acl(town, document) == [town.mine.creator]

    async def test_many_of_both_end_without_a_deadlock(self, town: Town) -> None:
        scope = Scope(1, READER)
        gate = asyncio.Semaphore(5)

        async def grant(number: int) -> None:
            async with gate, town.database.serving.begin(scope) as session:
                await add_grant(session, town.mine, f"role:{number:02}")

        async def insert() -> UUID:
            async with gate, town.database.serving.begin(scope) as session:
                return await add_document(session, town.mine)

        async with asyncio.TaskGroup() as group:
            documents = []
            for number in range(40):
                group.create_task(grant(number))
                documents.append(group.create_task(insert()))

        expected = sorted(
            ["group:/readers", town.mine.creator, *(f"role:{number:02}" for number in range(40))]
        )
        assert [await acl(town, each.result()) for each in documents] == [expected] * 40
