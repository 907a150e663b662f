from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import text

from muniment.api_keys.form import make_key
from muniment.api_keys.way_in import KeyReason
from muniment.identity.authentication import Authenticator
from muniment.identity.errors import InvalidTokenError
from muniment.identity.issuers import Assertable
from muniment.identity.local_issuer import ISSUER as BUILT_IN
from muniment.identity.permissions import NEVER_BY_KEY, Permission
from muniment.identity.settings import IdentitySettings
from muniment.kit.errors import UnavailableError
from tests.api_keys.conftest import ISSUER, SEARCH, Desk, trust
from tests.support.statements import counted_statements

HOUR = timedelta(hours=1)


async def reason_of(refused: Callable[[], Awaitable[object]]) -> str:
    """Tell why a key was refused: only the log knows."""
    with structlog.testing.capture_logs() as logs, pytest.raises(InvalidTokenError):
        await refused()
    assert [entry["event"] for entry in logs] == ["key_refused"]
    return str(logs[0]["reason"])


class TestAuthenticate:
    async def test_gives_the_owner_as_last_verified_narrowed_by_the_scope(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        made = await desk.make(alice, SEARCH | {Permission.DOCUMENTS_READ})
        caller = await desk.way_in().authenticate(made.secret.get_secret_value())
        permissions = SEARCH | {Permission.DOCUMENTS_READ, Permission.PROFILE_READ}
        assert caller.principal == replace(
            alice.principal,
            permissions=permissions,
            expires_at=desk.clock.now() + 24 * HOUR,
            verified_at=desk.clock.now(),
        )
        assert all(type(one) is Permission for one in caller.principal.permissions)
        assert caller.principal.names == alice.principal.names
        assert caller.account == alice.account

    async def test_tells_on_what_grounds(self, desk: Desk) -> None:
        made = await desk.make(await desk.sign_in(), expires_in=HOUR)
        desk.clock.advance(HOUR / 2)
        grounds = (await desk.way_in().authenticate(made.secret.get_secret_value())).grounds
        assert grounds.key_id == made.key.id
        assert (grounds.issued_at, grounds.session_id, grounds.web_session_id) == (None,) * 3
        assert grounds.admitted_at == desk.clock.now()
        assert grounds.expires_at == desk.clock.now() + HOUR / 2

    async def test_opens_no_transaction(self, desk: Desk) -> None:
        made = await desk.make(await desk.sign_in())
        secret = made.secret.get_secret_value()
        await desk.way_in().authenticate(secret)
        await desk.uses.close()
        with counted_statements() as statements:
            await desk.way_in().authenticate(secret)
            await desk.uses.close()
        assert statements == []

    async def test_is_the_way_of_its_form_alone(self, desk: Desk) -> None:
        made = await desk.make(await desk.sign_in())
        secret = made.secret.get_secret_value()
        keys = desk.way_in()
        authenticator = Authenticator(tokens=keys, keys=keys)
        caller = await authenticator.authenticate(f"Bearer {secret}", cookie="x")
        assert caller.principal.subject == "alice"
        for header in (f"Basic {secret}", secret, f"Bearer  {secret}", f"Bearer {secret} "):
            with pytest.raises(InvalidTokenError):
                await authenticator.authenticate(header)

    async def test_does_not_blame_the_key_for_a_silent_database(self, desk: Desk) -> None:
        await desk.reads.close()
        with pytest.raises(UnavailableError):
            await desk.way_in().authenticate(make_key().secret.get_secret_value())


class TestRefusals:
    async def test_name_the_key_to_the_operator_and_never_show_it(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        made = await desk.make(alice)
        await desk.run("update api_key set revoked_at = now()")
        secret = made.secret.get_secret_value()
        with structlog.testing.capture_logs() as logs, pytest.raises(InvalidTokenError) as refused:
            await desk.way_in().authenticate(secret)
        assert [entry["key_id"] for entry in logs] == [str(made.key.id)]
        assert (refused.value.reason, refused.value.actor) == (
            "key_revoked",
            alice.principal.actor,
        )
        assert secret not in f"{logs} {refused.value!r}"

    async def test_of_a_typing_error_asks_the_database_nothing(self, desk: Desk) -> None:
        secret = make_key().secret.get_secret_value()
        wrong = secret[:-1] + ("a" if secret[-1] != "a" else "b")
        await desk.reads.close()
        assert await reason_of(lambda: desk.way_in().authenticate(wrong)) == KeyReason.FORM

    async def test_of_a_key_that_nobody_made(self, desk: Desk) -> None:
        secret = make_key().secret.get_secret_value()
        assert await reason_of(lambda: desk.way_in().authenticate(secret)) == KeyReason.UNKNOWN

    @pytest.mark.parametrize(
        ("statement", "reason"),
        [
            ("update api_key set revoked_at = now()", KeyReason.REVOKED),
            ("update account set status = 'disabled'", KeyReason.REVOKED),
            # What no path of the product does: the key lives on, its owner not.
            (
                "update account set status = 'disabled'; update api_key set revoked_at = null",
                KeyReason.OWNER,
            ),
            ("update account set status = 'erased'", KeyReason.UNKNOWN),
            ("delete from account_rights", KeyReason.RIGHTS),
            ("delete from account", KeyReason.UNKNOWN),
            ("update account set issuer = 'https://other.example'", KeyReason.ISSUER),
        ],
    )
    async def test_follow_a_change_at_the_next_request(
        self, desk: Desk, statement: str, reason: KeyReason
    ) -> None:
        secret = (await desk.make(await desk.sign_in())).secret.get_secret_value()
        await desk.way_in().authenticate(secret)
        await desk.uses.close()
        for each in statement.split(";"):
            await desk.run(each)
        assert await reason_of(lambda: desk.way_in().authenticate(secret)) == reason

    async def test_of_an_erased_owner_leave_nothing_of_the_key(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        await desk.make(alice)
        async with desk.database.owner.begin() as owner:
            await owner.execute(
                text("select set_config('muniment.tenant', :tenant, true)"),
                {"tenant": str(alice.principal.tenant_id)},
            )
            await owner.execute(
                text("select muniment_erase_account(:id)"), {"id": alice.principal.user_id}
            )
        assert await desk.value("select count(*) from api_key") == 0

    @pytest.mark.parametrize(
        ("later", "reason"), [(timedelta(0), None), (timedelta(microseconds=1), KeyReason.EXPIRED)]
    )
    async def test_of_an_expired_key_begin_at_that_moment(
        self, desk: Desk, later: timedelta, reason: KeyReason | None
    ) -> None:
        made = await desk.make(await desk.sign_in(), expires_in=HOUR)
        secret = made.secret.get_secret_value()
        desk.clock.advance(HOUR - timedelta(microseconds=1) + later)
        if reason is None:
            await desk.way_in().authenticate(secret)
        else:
            assert await reason_of(lambda: desk.way_in().authenticate(secret)) == reason

    @pytest.mark.parametrize(("roles", "scope"), [(("auditor",), ()), (("member",), SEARCH)])
    async def test_are_none_for_rights_that_the_owner_has_no_more_but_the_rights_are_gone(
        self, desk: Desk, roles: tuple[str, ...], scope: frozenset[Permission]
    ) -> None:
        secret = (await desk.make(await desk.sign_in())).secret.get_secret_value()
        desk.clock.advance(timedelta(seconds=1))
        await desk.sign_in("alice", *roles)
        principal = (await desk.way_in().authenticate(secret)).principal
        assert principal.permissions == {Permission.PROFILE_READ, *scope}


class TestRights:
    @pytest.mark.parametrize(
        ("age", "is_good"), [(24 * HOUR - timedelta(seconds=1), True), (24 * HOUR, False)]
    )
    async def test_of_a_provider_grow_old(
        self, desk: Desk, age: timedelta, *, is_good: bool
    ) -> None:
        secret = (await desk.make(await desk.sign_in())).secret.get_secret_value()
        verified_at = desk.clock.now()
        desk.clock.advance(age)
        if is_good:
            grounds = (await desk.way_in().authenticate(secret)).grounds
            assert grounds.expires_at == verified_at + 24 * HOUR
        else:
            reason = await reason_of(lambda: desk.way_in().authenticate(secret))
            assert reason == KeyReason.RIGHTS
            await desk.sign_in()
            await desk.way_in().authenticate(secret)

    async def test_of_the_built_in_issuer_do_not(self, desk: Desk) -> None:
        alice = await desk.sign_in(issuer=BUILT_IN)
        made = await desk.make(alice)
        desk.clock.advance(timedelta(days=89))
        caller = await desk.way_in(trust(BUILT_IN)).authenticate(made.secret.get_secret_value())
        assert caller.grounds.expires_at == made.key.expires_at

    async def test_of_any_age_do_where_the_settings_say_so(self, desk: Desk) -> None:
        endless = desk.within(IdentitySettings(rights_max_age=timedelta.max))
        made = await endless.make(await endless.sign_in())
        caller = await endless.way_in().authenticate(made.secret.get_secret_value())
        assert caller.grounds.expires_at == made.key.expires_at

    async def test_are_those_that_the_issuer_may_assert_by_now(self, desk: Desk) -> None:
        alice = await desk.sign_in("alice", "member", "auditor")
        made = await desk.make(alice, SEARCH | {Permission.AUDIT_READ})
        narrow = Assertable(frozenset({"auditor"}), "groups", "/ops", {"clearance": "str"})
        issuer = replace(trust(), assertable=narrow)
        principal = (
            await desk.way_in(issuer).authenticate(made.secret.get_secret_value())
        ).principal
        assert principal.roles == {"auditor"}
        assert principal.permissions == {Permission.AUDIT_READ, Permission.PROFILE_READ}
        assert (principal.groups, principal.attributes) == (frozenset(), {})

    async def test_are_never_those_that_only_a_person_has(self, desk: Desk) -> None:
        """Whatever stands in the row: the way in does not trust it."""
        made = await desk.make(await desk.sign_in("alice", "member", "admin"))
        await desk.run("update api_key set scope = :all", all=[*Permission])
        principal = (await desk.way_in().authenticate(made.secret.get_secret_value())).principal
        assert principal.permissions == set(Permission) - NEVER_BY_KEY

    async def test_hang_on_the_owner_of_the_key_alone(self, desk: Desk) -> None:
        made = await desk.make(await desk.sign_in())
        desk.clock.advance(timedelta(seconds=1))
        await desk.sign_in("bob", "auditor")
        principal = (await desk.way_in().authenticate(made.secret.get_secret_value())).principal
        assert (principal.issuer, principal.subject) == (ISSUER, "alice")
        assert principal.roles == {"member"}
