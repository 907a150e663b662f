"""What has ended is removed, and what has not stays."""

from typing import Final

import pytest

from muniment.sessions.repository import purge_sessions
from tests.sessions.conftest import Place
from tests.support.browser import Browser

ME: Final = "/api/v1/users/me"


class TestPurgeSessions:
    @pytest.mark.parametrize("column", ["ended_at", "idle_expires_at", "absolute_expires_at"])
    async def test_removes_what_ended_a_day_ago(
        self, place: Place, browser: Browser, column: str
    ) -> None:
        await browser.sign_in()
        await place.run(f"update web_session set {column} = now() - interval '23 hours'")
        assert await purge_sessions(place.database.worker) == 0
        await place.run(f"update web_session set {column} = now() - interval '25 hours'")
        assert await purge_sessions(place.database.worker) == 1
        assert await place.ask("select * from web_session") == []

    async def test_leaves_who_is_signed_in(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        assert await purge_sessions(place.database.worker) == 0
        assert (await browser.get(ME)).status_code == 200

    async def test_removes_sign_ins_that_nobody_finished(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.leave()
        await purge_sessions(place.database.worker)
        assert await place.ask("select count(*) from sign_in_attempt") == [(1,)]
        await place.run("update sign_in_attempt set expires_at = now()")
        await purge_sessions(place.database.worker)
        assert await place.ask("select count(*) from sign_in_attempt") == [(0,)]
