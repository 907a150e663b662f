import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import text

from muniment.api_keys.uses import EVERY, KeyUses
from tests.api_keys.conftest import Desk
from tests.support.statements import counted_statements

LAST = "select last_used_at from api_key"


class TestNote:
    async def test_writes_the_use_of_a_key_beside_the_request(self, desk: Desk) -> None:
        made = await desk.make(await desk.sign_in())
        assert await desk.value(LAST) is None
        await desk.way_in().authenticate(made.secret.get_secret_value())
        await desk.uses.close()
        assert await desk.value(LAST) == desk.clock.now()

    async def test_writes_once_a_minute(self, desk: Desk) -> None:
        secret = (await desk.make(await desk.sign_in())).secret.get_secret_value()
        keys, first = desk.way_in(), desk.clock.now()
        for wait in (timedelta(0), EVERY - timedelta(microseconds=1)):
            desk.clock.advance(wait)
            await keys.authenticate(secret)
            await desk.uses.close()
        assert await desk.value(LAST) == first
        desk.clock.advance(timedelta(microseconds=1))
        await keys.authenticate(secret)
        await desk.uses.close()
        assert await desk.value(LAST) == desk.clock.now()

    async def test_writes_once_for_many_requests_in_several_processes(self, desk: Desk) -> None:
        alice = await desk.sign_in()
        made = await desk.make(alice)
        use = (alice.principal.tenant_id, alice.principal.user_id, made.key.id, None)
        with counted_statements() as statements:
            for _ in range(20):
                desk.uses.note(*use)
            await desk.uses.close()
        assert len([one for one in statements if "UPDATE api_key" in one]) == 1
        other = KeyUses(desk.database.serving, desk.clock)
        desk.clock.advance(timedelta(seconds=1))
        other.note(*use)
        await other.close()
        assert await desk.value(LAST) == desk.clock.now() - timedelta(seconds=1)

    async def test_keeps_no_request_waiting(self, desk: Desk) -> None:
        secret = (await desk.make(await desk.sign_in())).secret.get_secret_value()
        async with desk.database.owner.connect() as owner, owner.begin():
            await owner.execute(text("select * from api_key for update"))
            await asyncio.wait_for(desk.way_in().authenticate(secret), timeout=5)
            await owner.rollback()
        await desk.uses.close()
        assert await desk.value(LAST) == desk.clock.now()

    async def test_fails_no_request(self, desk: Desk) -> None:
        await desk.run("revoke update (last_used_at) on api_key from muniment_serving")
        try:
            secret = (await desk.make(await desk.sign_in())).secret.get_secret_value()
            with structlog.testing.capture_logs() as logs:
                await desk.way_in().authenticate(secret)
                await desk.uses.close()
            assert [entry["event"] for entry in logs] == ["key_use_not_noted"]
        finally:
            await desk.run("grant update (last_used_at) on api_key to muniment_serving")

    async def test_of_a_key_that_is_gone_writes_nothing(self, desk: Desk) -> None:
        alice = (await desk.sign_in()).principal
        desk.uses.note(alice.tenant_id, alice.user_id, uuid4(), None)
        await desk.uses.close()
        assert await desk.value("select count(*) from api_key") == 0


class TestClose:
    async def test_gives_up_on_a_database_that_is_silent(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("muniment.api_keys.uses._PATIENCE_S", 0.05)
        secret = (await desk.make(await desk.sign_in())).secret.get_secret_value()
        async with desk.database.owner.connect() as owner, owner.begin():
            await owner.execute(text("select * from api_key for update"))
            await desk.way_in().authenticate(secret)
            await asyncio.wait_for(desk.uses.close(), timeout=5)
            await owner.rollback()
        assert await desk.value(LAST) is None
