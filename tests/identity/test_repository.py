import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from muniment.identity.repository import AccountRepository, is_active
from muniment.kit.ids import new_id
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Scope
from tests.support.database import SETTINGS, TestDatabase

ISSUER = "https://sso.example.com"


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
        await accounts.add(ISSUER, "alice", "acme")
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
        await accounts.add(ISSUER, "alice", "acme")
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
        await asyncio.gather(*(accounts.add(ISSUER, "alice", "acme") for _ in range(8)))
        assert await count(database, "account") == 1
        assert await count(database, "tenant") == 1

    async def test_the_same_subject_is_another_user_elsewhere(
        self, accounts: AccountRepository
    ) -> None:
        places = [(ISSUER, "a", "acme"), (ISSUER, "a", "beta"), (f"{ISSUER}/2", "a", "acme")]
        for place in places:
            await accounts.add(*place)
        found = [await accounts.find(*place) for place in places]
        assert len({one.account_id for one in found if one is not None}) == 3
        assert found[0] is not None
        assert found[2] is not None
        assert found[0].tenant_id == found[2].tenant_id

    async def test_again_changes_nothing_of_an_account(
        self, accounts: AccountRepository, database: TestDatabase
    ) -> None:
        await accounts.add(ISSUER, "alice", "acme")
        async with database.owner.begin() as connection:
            await connection.execute(text("update account set status = 'disabled', revision = 7"))
        before = await accounts.find(ISSUER, "alice", "acme")
        await accounts.add(ISSUER, "alice", "acme")
        assert await accounts.find(ISSUER, "alice", "acme") == before


class TestIsActive:
    @pytest.mark.parametrize("status", ["active", "disabled", "erased"])
    async def test_tells_those_who_may_go_on(
        self, accounts: AccountRepository, database: TestDatabase, status: str
    ) -> None:
        await accounts.add(ISSUER, "alice", "acme")
        known = await accounts.find(ISSUER, "alice", "acme")
        assert known is not None
        async with database.owner.begin() as connection:
            await connection.execute(text("update account set status = :s"), {"s": status})
        async with database.serving.begin(Scope(known.tenant_id)) as session:
            assert await is_active(session, known.account_id) is (status == "active")
            assert not await is_active(session, new_id())
        async with database.serving.begin(Scope(known.tenant_id + 1)) as session:
            assert not await is_active(session, known.account_id)
