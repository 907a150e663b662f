"""Rights of sessions are renewed once, whoever asks and in however many processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tests.sessions.conftest import Place, place_of, settings_for
from tests.support.browser import SESSION_COOKIE, Browser
from tests.support.database import TestDatabase
from tests.support.fake_idp import ABSENT, AUDIENCE
from tests.support.whole_product import whole_product

ME: Final = "/api/v1/users/me"
ADMIN: Final = {AUDIENCE: {"roles": ["admin", "member"]}}
WAYS_TO_BREAK: Final = [
    {"access_token": "a.b.c"},
    {"id_token": "a.b.c"},
]


async def roles_of(browser: Browser) -> list[str]:
    answered = await browser.get(ME)
    assert answered.status_code == 200, answered.text
    roles: list[str] = answered.json()["roles"]
    return sorted(roles)


def assert_rights(place: Place, **claims: object) -> None:
    """Let the provider assert something else from the next token on."""
    for session in place.provider.sessions.values():
        session.claims.update(claims)


@pytest.fixture
async def second(place: Place, migrated: TestDatabase) -> AsyncIterator[Browser]:
    """Another process beside the first, on the same database, with the same keys."""
    folder = place.product.serving.shared.settings.data_dir
    async with whole_product(migrated, folder, **settings_for(place.provider)) as product:
        browser = Browser.at(product.asgi)
        yield browser
        await browser.close()


class TestRefresh:
    async def test_takes_over_what_the_provider_says_now(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        assert await roles_of(browser) == ["member"]
        assert_rights(place, resource_access=ADMIN, groups=["/ops"], clearance=5)
        assert await roles_of(browser) == ["member"]
        await place.let_tokens_expire()
        assert await roles_of(browser) == ["admin", "member"]
        ((rights,),) = await place.ask("select rights from web_session")
        assert rights == {
            "client": "muniment-web",
            "roles": ["admin", "member"],
            "groups": ["/ops"],
            "group_prefix": "/",
            "attributes": {"clearance": 5, "department": "hr"},
        }

    async def test_takes_away_what_the_provider_does_not_say(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        assert_rights(place, resource_access=ABSENT, groups=ABSENT, clearance=ABSENT)
        await place.let_tokens_expire()
        assert await roles_of(browser) == []
        ((rights,),) = await place.ask("select rights->'attributes' from web_session")
        assert rights == {"department": "hr"}

    async def test_asks_once_for_many_requests_in_two_processes(
        self, place: Place, browser: Browser, second: Browser
    ) -> None:
        await browser.sign_in()
        second.take_session_of(browser)
        place.provider.delay_s = 0.3
        await place.let_tokens_expire()
        asked = [one.get(ME) for _ in range(25) for one in (browser, second)]
        statuses = {answer.status_code for answer in await asyncio.gather(*asked)}
        assert statuses == {200}
        assert place.provider.refreshes == 1
        assert await roles_of(second) == ["member"]

    async def test_goes_on_again_and_again(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        for _ in range(3):
            await place.let_tokens_expire()
            assert await roles_of(browser) == ["member"]
        assert place.provider.refreshes == 3
        assert len({call.get("refresh_token") for call in place.provider.calls}) == 4

    async def test_is_finished_for_whoever_goes_away(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        place.provider.delay_s = 0.3
        await place.let_tokens_expire()
        asked = asyncio.ensure_future(browser.get(ME))
        while not place.provider.refreshes:
            await asyncio.sleep(0.01)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert await roles_of(browser) == ["member"]
        assert place.provider.refreshes == 1

    async def test_keeps_a_refresh_token_where_no_new_one_comes(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        before = await place.ask("select refresh_sealed from web_session")
        place.provider.token_changes = {"refresh_token": ABSENT, "id_token": ABSENT}
        await place.let_tokens_expire()
        assert await roles_of(browser) == ["member"]
        assert await place.ask("select refresh_sealed from web_session") == before


class TestChangeOfRights:
    async def test_gives_the_session_a_new_id(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        old = browser.cookie
        assert_rights(place, resource_access=ADMIN)
        await place.let_tokens_expire()
        answered = await browser.get(ME)
        (cookie,) = answered.headers.get_list("set-cookie")
        assert (
            cookie == f"{SESSION_COOKIE}={browser.cookie}; Path=/; HttpOnly; SameSite=Lax; Secure"
        )
        assert browser.cookie != old
        assert "set-cookie" not in (await browser.get(ME)).headers

        late = place.browser()
        header = {"Cookie": f"{SESSION_COOKIE}={old}"}
        assert (await late.ours.get(ME, headers=header)).json()["roles"] == ["admin", "member"]
        await place.run("update web_session set previous_until = now()")
        assert (await late.ours.get(ME, headers=header)).json()["code"] == "session_ended"
        assert await roles_of(browser) == ["admin", "member"]

    async def test_is_none_where_the_rights_stay(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        await place.let_tokens_expire()
        assert "set-cookie" not in (await browser.get(ME)).headers

    async def test_tells_the_new_id_with_an_error_as_well(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        old = browser.cookie
        assert_rights(place, resource_access=ABSENT)
        await place.let_tokens_expire()
        assert (await browser.get("/api/v1/users")).status_code == 403
        assert browser.cookie != old


class TestEnd:
    async def test_comes_when_the_provider_refuses(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        for session in place.provider.sessions.values():
            session.is_alive = False
        await place.let_tokens_expire()
        for _ in range(2):
            assert (await browser.get(ME)).json()["code"] == "session_ended"
        assert place.provider.refreshes == 1
        assert await place.ask(
            "select count(*) from revocation r join web_session s on r.name = s.id::text"
            " where ended_at is not null and refresh_sealed is null"
        ) == [(1,)]

    @pytest.mark.parametrize("changes", WAYS_TO_BREAK)
    async def test_comes_with_tokens_that_do_not_fit(
        self, place: Place, browser: Browser, changes: dict[str, object]
    ) -> None:
        await browser.sign_in()
        place.provider.token_changes = changes
        await place.let_tokens_expire()
        assert (await browser.get(ME)).json()["code"] == "session_ended"
        assert len(place.provider.revoked) == 1

    @pytest.mark.parametrize("claims", [{"sub": "mallory"}, {"azp": "other"}])
    async def test_comes_with_tokens_of_somebody_else(
        self, place: Place, browser: Browser, claims: dict[str, object]
    ) -> None:
        await browser.sign_in()
        assert_rights(place, **claims)
        await place.let_tokens_expire()
        assert (await browser.get(ME)).json()["code"] == "session_ended"

    async def test_comes_with_the_access_token_where_there_is_no_refresh_token(
        self, place: Place, browser: Browser
    ) -> None:
        place.provider.token_changes = {"refresh_token": ABSENT}
        await browser.sign_in()
        assert await roles_of(browser) == ["member"]
        await place.let_tokens_expire()
        assert (await browser.get(ME)).json()["code"] == "session_ended"
        assert place.provider.refreshes == 0

    async def test_that_comes_while_the_provider_is_asked_gives_back_what_it_gave(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        await self._race(
            place, browser, lambda: place.run("update web_session set ended_at = now()")
        )

    async def test_by_a_logout_that_comes_meanwhile_gives_it_back_too(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        await self._race(
            place,
            browser,
            lambda: place.run(
                "insert into revocation (kind, issuer, name, cutoff)"
                " select 'session', issuer, sid, now() + interval '1 minute' from web_session"
            ),
        )
        assert await place.ask("select ended_at is not null from web_session") == [(True,)]

    async def _race(
        self, place: Place, browser: Browser, happens: Callable[[], Awaitable[None]]
    ) -> None:
        place.provider.delay_s = 0.2
        await place.let_tokens_expire()
        asked = asyncio.ensure_future(browser.get(ME))
        while not place.provider.refreshes:
            await asyncio.sleep(0.01)
        await happens()
        assert (await asked).json()["code"] == "session_ended"
        assert place.provider.revoked == [place.provider.given[-2]]


class TestProviderAway:
    async def test_lets_the_old_rights_hold_for_a_while(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        place.provider.status = 503
        await place.let_tokens_expire("4 minutes")
        assert await roles_of(browser) == ["member"]
        await place.let_tokens_expire("6 minutes")
        answered = await browser.get(ME)
        assert (answered.status_code, answered.json()["code"]) == (503, "provider_unavailable")
        assert "www-authenticate" not in answered.headers

    async def test_is_not_asked_by_every_request(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        place.provider.status = 503
        await place.let_tokens_expire()
        for _ in range(5):
            assert await roles_of(browser) == ["member"]
        assert place.provider.refreshes == 1

    async def test_is_asked_again_when_it_is_back(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        place.provider.status = 503
        await place.let_tokens_expire()
        await browser.get(ME)
        place.provider.status = None
        assert_rights(place, resource_access=ADMIN)
        await place.run("update web_session set lease_until = now()")
        assert await roles_of(browser) == ["admin", "member"]
        assert await place.ask("select refresh_failed_at, lease_until from web_session") == [
            (None, None)
        ]

    async def test_keeps_nobody_waiting_for_one_who_asks(
        self, place: Place, browser: Browser
    ) -> None:
        """A process that died while it asked leaves its lease; its time is waited for."""
        await browser.sign_in()
        await place.let_tokens_expire()
        await place.run(
            "update web_session set refresh_generation = 1,"
            " lease_until = clock_timestamp() + interval '500 milliseconds'"
        )
        assert await roles_of(browser) == ["member"]
        assert place.provider.refreshes == 1

    async def test_for_long_ends_streams_when_the_grace_is_over(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        place.provider.status = 503
        await place.let_tokens_expire("4 minutes")
        told = (await browser.get("/auth/session")).json()
        assert await place.ask(
            "select access_expires_at + interval '5 minutes' = cast(:told as timestamptz)"
            " from web_session".replace(":told", f"'{told['expires_at']}'")
        ) == [(True,)]

    async def test_may_be_given_no_grace(
        self, migrated: TestDatabase, tmp_path: Path, place: Place
    ) -> None:
        async with place_of(migrated, tmp_path, place.provider, refresh_grace=0) as strict:
            browser = strict.browser()
            await browser.sign_in()
            place.provider.status = 503
            await strict.let_tokens_expire()
            assert (await browser.get(ME)).status_code == 503
