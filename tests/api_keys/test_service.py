import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from muniment.api_keys.errors import (
    ApiKeyNotFoundError,
    KeyLifetimeError,
    ScopeRefusedError,
    TooManyKeysError,
)
from muniment.api_keys.schemas import ApiKeyCreate
from muniment.api_keys.service import ApiKeyService
from muniment.identity.errors import InvalidTokenError
from muniment.identity.permissions import NEVER_BY_KEY, Permission
from muniment.identity.settings import ApiKeySettings
from muniment.kit.pagination import PageRequest
from muniment.postgres.unit_of_work import Scope
from tests.api_keys.conftest import SEARCH, Desk
from tests.support.trail import trail_of
from tests.support.waiting import wait_until_somebody_waits

DAY = timedelta(days=1)


class TestCreate:
    async def test_keeps_what_was_asked_and_a_hash(self, desk: Desk) -> None:
        made = await desk.make(await desk.sign_in(), expires_in=DAY)
        secret = made.secret.get_secret_value()
        assert secret.startswith(made.key.prefix)
        assert (made.key.name, made.key.scope) == ("Nightly", ["search:query"])
        assert made.key.status == "active"
        assert (made.key.created_at, made.key.expires_at) == (
            desk.clock.now(),
            desk.clock.now() + DAY,
        )
        assert made.shown().key == secret
        for shown in (made, made.shown(), made.key):
            assert secret not in repr(shown)

    async def test_is_good_for_as_long_as_the_settings_say(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        made = await desk.make(alice)
        assert made.key.expires_at == desk.clock.now() + 90 * DAY
        short = ApiKeySettings(default_lifetime=DAY, max_lifetime=2 * DAY)
        made = await desk.make(alice, settings=short)
        assert made.key.expires_at == desk.clock.now() + DAY
        await desk.make(alice, expires_in=2 * DAY, settings=short)
        with pytest.raises(KeyLifetimeError, match="P2D"):
            await desk.make(alice, expires_in=2 * DAY + timedelta(seconds=1), settings=short)

    @pytest.mark.parametrize("permission", sorted(NEVER_BY_KEY))
    async def test_refuses_what_only_a_person_does(
        self, desk: Desk, permission: Permission
    ) -> None:
        alice = await desk.sign_in("alice", "member", "admin")
        with pytest.raises(ScopeRefusedError, match=f"{permission}: no API key ever can"):
            await desk.make(alice, SEARCH | {permission})

    async def test_refuses_what_its_owner_may_not_do(self, desk: Desk) -> None:
        with pytest.raises(ScopeRefusedError, match="audit:read: you cannot do this yourself"):
            await desk.make(await desk.sign_in(), SEARCH | {Permission.AUDIT_READ})

    async def test_counts_the_good_keys_of_the_owner_alone(self, desk: Desk) -> None:
        one = ApiKeySettings(max_per_user=1)
        alice = await desk.sign_in()
        bob = await desk.sign_in("bob")
        made = await desk.make(alice, settings=one)
        await desk.make(bob, settings=one, expires_in=DAY)
        for caller in (alice, bob):
            with pytest.raises(TooManyKeysError, match="at most 1"):
                await desk.make(caller, settings=one)
        await desk.revoke(alice, made)
        desk.clock.advance(DAY)
        for caller in (alice, bob):
            await desk.make(caller, settings=one)

    async def test_makes_no_more_than_that_at_once(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        settings = ApiKeySettings(max_per_user=3)
        made = await asyncio.gather(
            *(desk.make(alice, settings=settings) for _ in range(8)), return_exceptions=True
        )
        assert sum(isinstance(one, TooManyKeysError) for one in made) == 5
        assert await desk.value("select count(*) from api_key") == 3

    async def test_for_whom_is_shut_out_meanwhile_makes_nothing(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        async with desk.database.owner.connect() as owner, owner.begin():
            await owner.execute(text("update account set status = 'erased'"))
            making = asyncio.create_task(desk.make(alice))
            await wait_until_somebody_waits(desk.database)
            await owner.commit()
            with pytest.raises(InvalidTokenError):
                await making
        assert await desk.value("select count(*) from api_key") == 0


class TestOwnKeys:
    async def test_are_listed_newest_first_in_pages(self, desk: Desk) -> None:
        alice, bob = await desk.sign_in(), await desk.sign_in("bob")
        made = [await desk.make(alice, expires_in=number * DAY) for number in (1, 2, 3)]
        await desk.make(bob)
        await desk.revoke(alice, made[1])
        desk.clock.advance(DAY)
        principal = alice.principal
        scope = Scope(principal.tenant_id, principal.names)
        async with desk.database.serving.begin(scope) as session:
            service = ApiKeyService(session, ApiKeySettings(), desk.clock)
            first = await service.list_own(principal, PageRequest(None, 2))
            rest = await service.list_own(principal, PageRequest(first.next, 2))
            shown = [*first.items, *rest.items]
            assert [key.id for key in shown] == [one.key.id for one in reversed(made)]
            assert [key.status for key in shown] == ["active", "revoked", "expired"]
            assert rest.next is None
            assert await service.read(principal, shown[0].id) == shown[0]

    @pytest.mark.parametrize("is_same_tenant", [True, False])
    async def test_are_not_there_for_anybody_else(
        self, desk: Desk, *, is_same_tenant: bool
    ) -> None:
        made = await desk.make(await desk.sign_in())
        bob = (await desk.sign_in("bob")).principal
        if not is_same_tenant:
            bob = replace(bob, tenant_id=bob.tenant_id + 1)
        async with desk.database.serving.begin(Scope(bob.tenant_id, bob.names)) as session:
            service = ApiKeyService(session, ApiKeySettings(), desk.clock)
            for missing in (made.key.id, uuid4()):
                with pytest.raises(ApiKeyNotFoundError):
                    await service.read(bob, missing)
                with pytest.raises(ApiKeyNotFoundError):
                    await service.revoke(bob, missing)
        assert await desk.value("select revoked_at from api_key") is None

    async def test_that_are_revoked_stay_so_from_the_first_time(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        made = await desk.make(alice)
        revoked_at = desk.clock.now()
        await desk.revoke(alice, made)
        desk.clock.advance(DAY)
        await desk.revoke(alice, made)
        assert await desk.value("select revoked_at from api_key") == revoked_at
        assert await desk.value("select count(*) from revocation where kind = 'key'") == 1

    async def test_leave_in_the_audit_that_they_were_made_and_revoked(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        made = await desk.make(alice)
        await desk.revoke(alice, made)
        await desk.revoke(alice, made)
        entries = await trail_of(desk.database, "key.made", "key.revoked")
        assert [(entry.action, entry.object_kind, entry.object_id) for entry in entries] == [
            ("key.made", "key", made.key.id),
            ("key.revoked", "key", made.key.id),
        ]
        assert {entry.actor_id for entry in entries} == {alice.principal.user_id}


class TestApiKeyCreate:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", " "),
            ("name", "x" * 101),
            ("name", "a\nb"),
            ("name", "\x1b[2J"),
            ("scope", []),
            ("scope", ["search:everything"]),
            ("scope", "search:query"),
            ("expires_in", "PT59S"),
            ("expires_in", "P366D"),
            ("expires_in", -1),
            ("owner", "bob"),
        ],
    )
    def test_refuses_what_makes_no_key(self, field: str, value: object) -> None:
        good = {"name": "Nightly", "scope": ["search:query"], "expires_in": "P1D"}
        ApiKeyCreate.model_validate(good)
        with pytest.raises(ValidationError):
            ApiKeyCreate.model_validate({**good, field: value})
