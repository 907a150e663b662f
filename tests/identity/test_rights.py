import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from muniment.identity.authentication import Caller
from muniment.identity.grounds import Grounds
from muniment.identity.principal import Principal
from muniment.identity.repository import AccountRepository
from muniment.identity.rights import RightsKeeper
from muniment.identity.settings import IdentitySettings
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Scope
from tests.support.database import SETTINGS, TestDatabase
from tests.support.fixed_clock import FixedClock
from tests.support.waiting import wait_until_somebody_waits

ISSUER = "https://sso.example.com"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Kept:
    roles: list[str]
    groups: list[str]
    group_prefix: str
    attributes: dict[str, object]
    verified_at: datetime
    asserted_name: str | None = None


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def keeper(database: TestDatabase, clock: FixedClock) -> RightsKeeper:
    return RightsKeeper(database.serving, IdentitySettings(), clock)


@pytest.fixture
async def alice(database: TestDatabase, clock: FixedClock) -> Caller:
    """Somebody who has just signed in."""
    async with PreparedReads(database.urls.serving, SETTINGS) as reads:
        accounts = AccountRepository(reads, database.serving)
        await accounts.add(ISSUER, "alice", "acme", clock.now())
        account = await accounts.find(ISSUER, "alice", "acme")
    assert account is not None
    principal = Principal(
        user_id=account.account_id,
        tenant_id=account.tenant_id,
        tenant="acme",
        issuer=ISSUER,
        subject="alice",
        roles=frozenset({"member", "auditor"}),
        groups=frozenset({"/eng/search"}),
        attributes={"clearance": 2},
        permissions=frozenset(),
        group_prefix="/eng",
    )
    grounds = Grounds(account.account_id, ISSUER, "alice", clock.now(), issued_at=clock.now())
    return Caller(principal, account, grounds)


def with_token(caller: Caller, issued_at: datetime, *roles: str) -> Caller:
    """Give the same caller with another token."""
    return replace(
        caller,
        principal=replace(caller.principal, roles=frozenset(roles)),
        grounds=replace(caller.grounds, issued_at=issued_at),
    )


async def read_rights(database: TestDatabase) -> Kept | None:
    async with database.owner.connect() as owner:
        found = await owner.execute(
            text(
                "select roles, groups, group_prefix, attributes, verified_at, asserted_name"
                " from account_rights"
            )
        )
        row = found.one_or_none()
        return None if row is None else Kept(*row)


async def erase(database: TestDatabase, caller: Caller) -> None:
    scope = Scope(caller.principal.tenant_id)
    async with database.serving.begin(scope) as session:
        await session.execute(
            text("select muniment_erase_account(:id)"), {"id": caller.principal.user_id}
        )


class TestKeep:
    async def test_writes_what_the_token_said_and_when(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase, clock: FixedClock
    ) -> None:
        issued_at = clock.now()
        clock.advance(3 * MINUTE)
        await keeper.keep(alice)
        assert await read_rights(database) == Kept(
            ["auditor", "member"], ["/eng/search"], "/eng", {"clearance": 2}, issued_at
        )

    async def test_believes_no_issuer_whose_clock_is_ahead(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase, clock: FixedClock
    ) -> None:
        await keeper.keep(with_token(alice, clock.now() + MINUTE, "member"))
        kept = await read_rights(database)
        assert kept is not None
        assert kept.verified_at == clock.now()

    async def test_of_a_caller_without_a_token_is_of_this_moment(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase, clock: FixedClock
    ) -> None:
        await keeper.keep(replace(alice, grounds=replace(alice.grounds, issued_at=None)))
        kept = await read_rights(database)
        assert kept is not None
        assert kept.verified_at == clock.now()

    @pytest.mark.parametrize(("later", "is_written"), [(59, False), (60, True)])
    async def test_renews_the_same_rights_now_and_then(
        self,
        keeper: RightsKeeper,
        alice: Caller,
        database: TestDatabase,
        clock: FixedClock,
        later: int,
        *,
        is_written: bool,
    ) -> None:
        first = clock.now()
        await keeper.keep(with_token(alice, first, "member"))
        clock.advance(later * MINUTE)
        await keeper.keep(with_token(alice, clock.now(), "member"))
        kept = await read_rights(database)
        assert kept is not None
        assert kept.verified_at == (clock.now() if is_written else first)

    async def test_writes_other_rights_at_once(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase, clock: FixedClock
    ) -> None:
        await keeper.keep(alice)
        clock.advance(timedelta(seconds=1))
        await keeper.keep(with_token(alice, clock.now()))
        kept = await read_rights(database)
        assert kept is not None
        assert (kept.roles, kept.verified_at) == ([], clock.now())

    @pytest.mark.parametrize("first", [None, "Alice Example"])
    async def test_writes_another_name_at_once_and_the_same_only_once(
        self,
        keeper: RightsKeeper,
        alice: Caller,
        database: TestDatabase,
        clock: FixedClock,
        first: str | None,
    ) -> None:
        written: list[tuple[str | None, datetime]] = []
        for name in (first, first, "Alice Other", None):
            await keeper.keep(replace(with_token(alice, clock.now(), "member"), asserted_name=name))
            kept = await read_rights(database)
            assert kept is not None
            written.append((kept.asserted_name, kept.verified_at))
            clock.advance(timedelta(seconds=1))
        assert [name for name, _ in written] == [first, first, "Alice Other", None]
        assert len({at for _, at in written}) == 3

    async def test_passes_over_what_an_older_token_says(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase, clock: FixedClock
    ) -> None:
        clock.advance(MINUTE)
        await keeper.keep(with_token(alice, clock.now(), "member"))
        await keeper.keep(with_token(alice, clock.now() - MINUTE, "member", "admin"))
        kept = await read_rights(database)
        assert kept is not None
        assert (kept.roles, kept.verified_at) == (["member"], clock.now())

    @pytest.mark.parametrize("status", ["disabled", "erased"])
    async def test_writes_nothing_about_who_is_shut_out(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase, status: str
    ) -> None:
        async with database.owner.begin() as owner:
            await owner.execute(text("update account set status = :s"), {"s": status})
        await keeper.keep(alice)
        assert await read_rights(database) is None


class TestErasure:
    async def test_takes_the_rights_with_it(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase
    ) -> None:
        await keeper.keep(alice)
        await erase(database, alice)
        assert await read_rights(database) is None

    async def test_is_waited_for_so_that_nothing_comes_back(
        self, keeper: RightsKeeper, alice: Caller, database: TestDatabase
    ) -> None:
        async with database.owner.connect() as owner, owner.begin():
            await owner.execute(text("update account set status = 'erased'"))
            keeping = asyncio.create_task(keeper.keep(alice))
            await wait_until_somebody_waits(database)
            assert not keeping.done()
            await owner.commit()
            await keeping
        assert await read_rights(database) is None
