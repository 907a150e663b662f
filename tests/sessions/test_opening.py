"""What may come in between while a browser is on its way back from the provider."""

import asyncio
from typing import Final

import pytest
from sqlalchemy import text

from tests.sessions.conftest import Place
from tests.support.browser import Browser

ME: Final = "/api/v1/users/me"
WAITING: Final = "select count(*) from pg_locks where not granted"


class TestOpen:
    @pytest.mark.parametrize(
        "shuts_out",
        [
            "update account set status = 'disabled'",
            "select muniment_erase_account(id) from account",
        ],
    )
    async def test_waits_for_who_shuts_the_user_out(
        self, place: Place, browser: Browser, shuts_out: str
    ) -> None:
        """Neither a session nor a sealed token is left behind of somebody who was erased."""
        await browser.sign_in()  # so that the rights are known and nothing is written for them
        other = place.browser()
        way = await other.way_back()
        ((tenant,),) = await place.ask("select tenant_id from account")
        async with place.database.owner.begin() as owner:
            await owner.execute(
                text("select set_config('muniment.tenant', :tenant, true)"), {"tenant": f"{tenant}"}
            )
            await owner.execute(text(shuts_out))
            arriving = asyncio.ensure_future(other.ours.get(way))
            while await place.ask(WAITING) == [(0,)]:
                assert not arriving.done()
                await asyncio.sleep(0.01)
        arrived = await arriving
        assert (arrived.status_code, arrived.json()["code"]) == (400, "sign_in_broken")
        assert place.provider.revoked == [place.provider.given[-2]]
        assert await place.ask("select count(*) from web_session") == [(0,)]


class TestAnswer:
    async def test_may_say_more_than_is_known_here(self, place: Place, browser: Browser) -> None:
        """A client ignores parameters that it does not know (RFC 6749, 4.1.2)."""
        way = await browser.way_back()
        arrived = await browser.ours.get(f"{way}&client_info=eyJ1aWQiOiIxIn0")
        assert arrived.status_code == 302
        assert (await browser.get(ME)).json()["subject"] == place.provider.subject

    async def test_says_nothing_twice_not_even_that(self, browser: Browser) -> None:
        way = await browser.way_back()
        refused = await browser.ours.get(f"{way}&client_info=a&client_info=b")
        assert refused.json()["code"] == "sign_in_broken"

    async def test_goes_with_no_other_way_in(self, browser: Browser) -> None:
        refused = await browser.ours.get("/auth/login?client_info=a")
        assert refused.json()["code"] == "unknown_parameter"
