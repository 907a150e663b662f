import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import text

from muniment.identity.errors import InvalidTokenError
from muniment.identity.repository import AccountRepository, is_active
from muniment.kit.ids import new_id
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Scope
from tests.support.database import SETTINGS, TestDatabase
from tests.support.waiting import wait_until_somebody_waits

ISSUER = "https://sso.example.com"
ALICE = (ISSUER, "alice", "acme")
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def accounts(database: TestDatabase) -> AsyncIterator[AccountRepository]:
    async with PreparedReads(database.urls.serving, SETTINGS) as reads:
        yield AccountRepository(reads, database.serving)


async def count(database: TestDatabase, table: str) -> int:
    async with database.owner.connect() as connection:
        return int((await connection.execute(text(f"select count(*) from {table}"))).scalar_one())


class TestFind:
    async def test_of_somebody_unknown_gives_nothing(self, accounts: AccountRepository) -> None:
        assert await accounts.find(ISSUER, "alice", "acme") is None

    async def test_needs_issuer_subject_and_tenant_to_the_letter(
        self, accounts: AccountRepository
    ) -> None:
        await accounts.add(*ALICE, NOW)
        assert await accounts.find(ISSUER, "alice", "acme") is not None
        for key in (
            (f"{ISSUER}/", "alice", "acme"),
            (ISSUER, "Alice", "acme"),
            (ISSUER, "alice ", "acme"),
            (ISSUER, "alice", "ACME"),
            (ISSUER, "alice", "other"),
        ):
            assert await accounts.find(*key) is None

    async def test_reads_the_profile_with_the_account(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        known = await accounts.find(ISSUER, "alice", "acme")
        assert known is not None
        assert (known.status, known.revision, known.profile) == ("active", 1, None)
        async with database.owner.begin() as connection:
            await connection.execute(
                text(
                    "insert into profile (account_id, tenant_id, display_name, preferences)"
                    " values (:account, :tenant, 'Älice 漢', '{\"a\": 1}')"
                ),
                {"account": known.account_id, "tenant": known.tenant_id},
            )
        read = await accounts.find(ISSUER, "alice", "acme")
        assert read is not None
        assert read.profile is not None
        assert read.profile["display_name"] == "Älice 漢"
        assert read.profile["preferences"] == {"a": 1}


class TestAdd:
    async def test_many_first_sign_ins_at_once_make_one_account_and_one_tenant(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await asyncio.gather(*(accounts.add(*ALICE, NOW) for _ in range(8)))
        assert await count(database, "account") == 1
        assert await count(database, "tenant") == 1

    async def test_the_same_subject_is_another_user_elsewhere(
        self, accounts: AccountRepository
    ) -> None:
        places = [(ISSUER, "a", "acme"), (ISSUER, "a", "beta"), (f"{ISSUER}/2", "a", "acme")]
        for place in places:
            await accounts.add(*place, NOW)
        found = [await accounts.find(*place) for place in places]
        assert len({one.account_id for one in found if one is not None}) == 3
        assert found[0] is not None
        assert found[2] is not None
        assert found[0].tenant_id == found[2].tenant_id

    async def test_again_changes_nothing_of_an_account(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        async with database.owner.begin() as connection:
            await connection.execute(text("update account set status = 'disabled', revision = 7"))
        before = await accounts.find(ISSUER, "alice", "acme")
        await accounts.add(*ALICE, NOW)
        assert await accounts.find(ISSUER, "alice", "acme") == before


class TestIsActive:
    @pytest.mark.parametrize("status", ["active", "disabled", "erased"])
    async def test_tells_those_who_may_go_on(
        self, accounts: AccountRepository, database: TestDatabase, status: str
    ) -> None:
        await accounts.add(*ALICE, NOW)
        known = await accounts.find(ISSUER, "alice", "acme")
        assert known is not None
        async with database.owner.begin() as connection:
            await connection.execute(text("update account set status = :s"), {"s": status})
        async with database.serving.begin(Scope(known.tenant_id)) as session:
            assert await is_active(session, known.account_id) is (status == "active")
            assert not await is_active(session, new_id())
        async with database.serving.begin(Scope(known.tenant_id + 1)) as session:
            assert not await is_active(session, known.account_id)


async def erase(accounts: AccountRepository, database: TestDatabase, at: datetime) -> None:
    """Erase Alice, and put the moment where the test wants it."""
    known = await accounts.find(*ALICE)
    assert known is not None
    async with database.serving.begin(Scope(known.tenant_id)) as session:
        await session.execute(text("select muniment_erase_account(:id)"), {"id": known.account_id})
    async with database.owner.begin() as connection:
        await connection.execute(text("update erased_subject set erased_at = :at"), {"at": at})


class TestAfterAnErasure:
    async def test_a_token_from_before_makes_no_account(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        await erase(accounts, database, NOW)
        for issued_at in (NOW - HOUR, NOW):
            with pytest.raises(InvalidTokenError):
                await accounts.add(*ALICE, issued_at)
        assert await accounts.find(*ALICE) is None
        assert await count(database, "account") == 1

    async def test_one_from_later_makes_a_new_account_which_admits_no_older_one(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        before = await accounts.find(*ALICE)
        await erase(accounts, database, NOW)
        await accounts.add(*ALICE, NOW + HOUR)
        after = await accounts.find(*ALICE)
        assert before is not None
        assert after is not None
        assert after.account_id != before.account_id
        assert after.admits(NOW + HOUR)
        assert not after.admits(NOW)

    async def test_the_same_subject_elsewhere_is_admitted(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        await erase(accounts, database, NOW + HOUR)
        for place in ((ISSUER, "alice", "beta"), (f"{ISSUER}/2", "alice", "acme")):
            await accounts.add(*place, NOW)
            found = await accounts.find(*place)
            assert found is not None
            assert found.admits(NOW)

    async def test_a_second_one_is_remembered_instead_of_the_first(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        await erase(accounts, database, NOW)
        await accounts.add(*ALICE, NOW + HOUR)
        await erase(accounts, database, NOW + 2 * HOUR)
        assert await count(database, "erased_subject") == 1
        with pytest.raises(InvalidTokenError):
            await accounts.add(*ALICE, NOW + HOUR)

    async def test_nothing_is_kept_that_names_the_person(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        await erase(accounts, database, NOW)
        async with database.owner.connect() as connection:
            kept = (await connection.execute(text("select * from erased_subject"))).one()
        assert kept.subject_hash == sha256(f"{ISSUER}|alice".encode()).digest()
        assert len(kept) == 3

    async def test_a_first_sign_in_that_waited_for_it_makes_no_account(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(*ALICE, NOW)
        known = await accounts.find(*ALICE)
        assert known is not None
        async with database.serving.begin(Scope(known.tenant_id)) as session:
            await session.execute(
                text("select muniment_erase_account(:id)"), {"id": known.account_id}
            )
            adding = asyncio.create_task(accounts.add(*ALICE, NOW))
            await wait_until_somebody_waits(database)
        with pytest.raises(InvalidTokenError):
            await adding
        assert await count(database, "account") == 1
