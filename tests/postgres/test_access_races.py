"""Grants, documents and erasures that happen at the same time end up right."""

import asyncio
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.ingestion.repository import IngestionRepository
from muniment.postgres.unit_of_work import Scope
from muniment.profiles.repository import UserRepository
from tests.postgres.town import READER, Town
from tests.support.database import TestDatabase
from tests.support.wall_rows import Library, add_document, add_grant

LATE = Scope(1, frozenset({"role:late"}))
_SOON_S = 10
"""Far more than a statement takes that waits for nobody."""


async def count_seen(town: Town, scope: Scope) -> int:
    async with town.database.serving.begin(scope) as session:
        return int(await session.scalar(text("select count(*) from document")) or 0)


class TestGrantAndDocument:
    async def test_grant_waits_for_no_document_and_opens_it_all_the_same(self, town: Town) -> None:
        async with asyncio.timeout(_SOON_S):
            async with town.database.serving.begin(Scope(1, READER)) as adding:
                await add_document(adding, town.mine)
                async with town.database.serving.begin(Scope(1)) as granting:
                    await add_grant(granting, town.mine, "role:late")
                assert await count_seen(town, LATE) == 1

            assert await count_seen(town, LATE) == 2

    async def test_document_waits_for_no_grant_and_is_opened_by_it(self, town: Town) -> None:
        async with asyncio.timeout(_SOON_S):
            async with town.database.serving.begin(Scope(1)) as granting:
                await add_grant(granting, town.mine, "role:late")
                async with town.database.serving.begin(Scope(1, READER)) as adding:
                    await add_document(adding, town.mine)
                assert await count_seen(town, LATE) == 0

            assert await count_seen(town, LATE) == 2

    async def test_revoked_grant_opens_no_document_that_was_on_its_way(self, town: Town) -> None:
        async with asyncio.timeout(_SOON_S):
            async with town.database.serving.begin(Scope(1, READER)) as adding:
                await add_document(adding, town.mine)
                async with town.database.serving.begin(Scope(1)) as revoking:
                    await revoking.execute(text("delete from collection_grant"))

        assert await count_seen(town, Scope(1, READER)) == 0

    async def test_many_of_both_end_without_a_deadlock(self, town: Town) -> None:
        gate = asyncio.Semaphore(5)

        async def grant(number: int) -> None:
            async with gate, town.database.serving.begin(Scope(1, READER)) as session:
                await add_grant(session, town.mine, f"role:{number:02}")

        async def insert() -> None:
            async with gate, town.database.serving.begin(Scope(1, READER)) as session:
                await add_document(session, town.mine)

        async with asyncio.timeout(_SOON_S), asyncio.TaskGroup() as group:
            for number in range(40):
                group.create_task(grant(number))
                group.create_task(insert())

        for number in (0, 39):
            scope = Scope(1, frozenset({f"role:{number:02}"}))
            assert await count_seen(town, scope) == 41


async def add_owner(database: TestDatabase, library: Library, subject: str) -> UUID:
    """Make an account that owns the collection of a library."""
    account = uuid5(NAMESPACE_URL, subject)
    async with database.owner.begin() as owner:
        await owner.execute(
            text(
                "insert into account (id, tenant_id, issuer, subject)"
                " values (:id, :tenant, 'https://issuer', :subject)"
            ),
            {"id": account, "tenant": library.tenant, "subject": subject},
        )
        await add_grant(owner, library, f"user:{account}", "owner")
    return account


async def somebody_waits(database: TestDatabase) -> None:
    """Return when a transaction of this database waits for another one."""
    waiting = text(
        "select count(*) from pg_locks join pg_stat_activity using (pid)"
        " where not granted and datname = current_database()"
    )
    async with asyncio.timeout(_SOON_S), database.owner.connect() as owner:
        watching = await owner.execution_options(isolation_level="AUTOCOMMIT")
        while not await watching.scalar(waiting):
            await asyncio.sleep(0.01)


class TestErasureOfTwoOwners:
    async def test_at_once_leaves_the_collection_to_the_admins(self, town: Town) -> None:
        first = await add_owner(town.database, town.mine, "first")
        second = await add_owner(town.database, town.mine, "second")
        erase = text("select muniment_erase_account(:id)")

        async def erase_second() -> None:
            async with town.database.serving.begin(Scope(1)) as session:
                await session.execute(erase, {"id": second})

        async with asyncio.TaskGroup() as group, town.database.serving.begin(Scope(1)) as session:
            await session.execute(erase, {"id": first})
            group.create_task(erase_second())
            await somebody_waits(town.database)

        async with town.database.owner.connect() as owner:
            owners = await owner.execute(
                text("select principal from collection_grant where role = 'owner'")
            )
            assert owners.scalars().all() == ["role:admin"]


class Bystander:
    """A user who owns the collection and stands in a rule there, and what others do meanwhile."""

    def __init__(self, town: Town, account: UUID) -> None:
        self._database = town.database
        self.library = Library(1, account, town.mine.collection)
        self.account = account
        self.document = UUID(int=0)

    @classmethod
    async def create(cls, town: Town, subject: str) -> "Bystander":
        made = cls(town, await add_owner(town.database, town.mine, subject))
        async with town.database.owner.begin() as owner:
            made.document = await add_document(
                owner, made.library, principals=[f"user:{made.account}"]
            )
        return made

    async def erase(self) -> None:
        """Do what the request to erase does."""
        async with self._database.serving.begin(Scope(1)) as session:
            users = UserRepository(session)
            assert await users.find_for_update(self.account) is not None
            assert await users.erase(self.account)

    async def begin_upload(self, session: AsyncSession) -> None:
        """Take what an upload takes before it writes: the collection, and the document there."""
        held = {"id": self.library.collection}
        await session.execute(text("select 1 from collection where id = :id for key share"), held)
        held = {"id": self.document}
        await session.execute(text("select 1 from document where id = :id for update"), held)

    async def end_upload(self, session: AsyncSession) -> None:
        """Write what refers to the account: a version, and a document."""
        await session.execute(
            text(
                "insert into document_version (document_id, number, tenant_id, media_type, bytes,"
                " sha256, original_key, created_by)"
                " values (:id, 9, 1, 'text/plain', 1, '', 'k', :account)"
            ),
            {"id": self.document, "account": self.account},
        )
        await add_document(session, self.library)

    async def delete_all(self) -> None:
        """Mark the collection and the document as deleted."""
        async with self._database.owner.begin() as owner:
            for table in ("document", "collection"):
                await owner.execute(text(f"update {table} set deleted_at = now()"))

    @property
    def scope(self) -> Scope:
        return Scope(1, frozenset({f"user:{self.account}"}))


class TestErasureBesideAnUpload:
    async def test_waits_for_it_and_ends(self, town: Town) -> None:
        user = await Bystander.create(town, "uploading")
        async with (
            asyncio.timeout(_SOON_S),
            asyncio.TaskGroup() as group,
            town.database.serving.begin(user.scope) as session,
        ):
            await user.begin_upload(session)
            group.create_task(user.erase())
            await somebody_waits(town.database)
            await user.end_upload(session)

    async def test_ends_without_a_deadlock_time_and_again(self, town: Town) -> None:
        async def upload(user: Bystander) -> None:
            async with town.database.serving.begin(user.scope) as session:
                await user.begin_upload(session)
                await user.end_upload(session)

        for number in range(10):
            user = await Bystander.create(town, f"user-{number}")
            async with asyncio.timeout(_SOON_S), asyncio.TaskGroup() as group:
                group.create_task(upload(user))
                group.create_task(user.erase())


class TestErasureBesideAPurge:
    async def test_waits_for_nothing_that_a_purge_holds(self, town: Town) -> None:
        user = await Bystander.create(town, "leaving")
        await user.delete_all()
        async with asyncio.timeout(_SOON_S):
            async with town.database.worker.begin(Scope(1)) as session:
                repository = IngestionRepository(session)
                assert await repository.hold_deleted(user.document) is not None
                await user.erase()
                assert await repository.remove_deleted(user.document)

    async def test_ends_without_a_deadlock_time_and_again(self, town: Town) -> None:
        async def purge(user: Bystander) -> None:
            async with town.database.worker.begin(Scope(1)) as session:
                repository = IngestionRepository(session)
                await repository.hold_deleted(user.document)
                await repository.remove_deleted(user.document)

        users = [await Bystander.create(town, f"user-{number}") for number in range(10)]
        await users[0].delete_all()
        async with asyncio.timeout(_SOON_S), asyncio.TaskGroup() as group:
            for user in users:
                group.create_task(purge(user))
                group.create_task(user.erase())
