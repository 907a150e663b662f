from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from muniment.identity.authentication import Caller
from muniment.identity.caller_limits import CallerLimits
from muniment.identity.grounds import Grounds
from muniment.identity.principal import Principal
from muniment.identity.repository import KnownAccount
from muniment.kit.errors import RateLimitedError
from muniment.kit.rate_limits import RateLimiter

NOON = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def caller_of(account_id: UUID, key_id: UUID | None = None, session: str | None = None) -> Caller:
    account = KnownAccount(account_id, 1, "active", 1, NOON, NOON, None)
    grounds = Grounds(account_id, "urn:x", "alice", NOON, session_id=session, key_id=key_id)
    principal = Principal(
        user_id=account_id,
        tenant_id=1,
        tenant="acme",
        issuer="urn:x",
        subject="alice",
        roles=frozenset(),
        groups=frozenset(),
        attributes={},
        permissions=frozenset(),
    )
    return Caller(principal, account, grounds)


@pytest.fixture
def limits() -> CallerLimits:
    return CallerLimits(RateLimiter(0.001, 5), RateLimiter(0.001, 2))


def admitted(limits: CallerLimits, caller: Caller) -> bool:
    try:
        limits.admit(caller)
    except RateLimitedError:
        return False
    return True


class TestAdmit:
    def test_one_account_has_one_bucket_for_all_its_sessions(self, limits: CallerLimits) -> None:
        account = uuid4()
        told = [admitted(limits, caller_of(account, session=str(n))) for n in range(7)]
        assert told == [True] * 5 + [False] * 2

    def test_two_accounts_do_not_touch_each_other(self, limits: CallerLimits) -> None:
        flooding = caller_of(uuid4())
        while admitted(limits, flooding):
            pass
        assert admitted(limits, caller_of(uuid4()))

    def test_a_key_that_runs_wild_leaves_room_for_its_owner(self, limits: CallerLimits) -> None:
        account = uuid4()
        wild = caller_of(account, key_id=uuid4())
        assert [admitted(limits, wild) for _ in range(50)] == [True] * 2 + [False] * 48
        assert [admitted(limits, caller_of(account)) for _ in range(4)] == [True] * 3 + [False]

    def test_many_keys_give_an_account_no_more(self, limits: CallerLimits) -> None:
        account = uuid4()
        told = [admitted(limits, caller_of(account, key_id=uuid4())) for _ in range(20)]
        assert sum(told) == 5

    def test_the_refusal_says_when_to_come_again(self, limits: CallerLimits) -> None:
        caller = caller_of(uuid4())
        while admitted(limits, caller):
            pass
        with pytest.raises(RateLimitedError) as caught:
            limits.admit(caller)
        assert 990 <= int(caught.value.headers["Retry-After"]) <= 1000
