"""What users do with their sessions: see them, end them, sign out. And what issuers do to them."""

from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest

from muniment.api_keys.schemas import ApiKeyCreate
from muniment.api_keys.service import ApiKeyService
from muniment.identity.permissions import Permission
from muniment.identity.settings import ApiKeySettings
from muniment.kit.clock import SystemClock
from muniment.postgres.unit_of_work import Scope
from tests.revocation.test_logout_tokens import logout_token
from tests.sessions.conftest import Place, place_of
from tests.support.browser import PAGE, PUBLIC_URL, SESSION_COOKIE, Browser
from tests.support.callers import bearer
from tests.support.database import TestDatabase
from tests.support.fake_idp import ABSENT
from tests.support.fake_provider import fake_provider

ME: Final = "/api/v1/users/me"
LIST: Final = "/api/v1/sessions"
LOGOUT: Final = "/auth/logout"
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
LEFT: Final = (
    "select count(*) from web_session where refresh_sealed is not null or id_token_sealed is not"
    " null"
)


async def is_in(browser: Browser) -> bool:
    return (await browser.get(ME)).status_code == 200


async def key_of(place: Place, browser: Browser) -> str:
    """Make an API key for who is signed in."""
    sign_in = place.product.serving.sign_in
    caller = await sign_in.browsers.way_in.authenticate(f"{browser.cookie}")
    principal = caller.principal
    scope = Scope(principal.tenant_id, principal.names)
    async with place.database.serving.begin(scope) as session:
        service = ApiKeyService(session, ApiKeySettings(), SystemClock())
        wanted = ApiKeyCreate(name="n", scope=frozenset({Permission.SEARCH_QUERY}))
        made = await service.create(principal, wanted)
    return made.secret.get_secret_value()


class TestSessionState:
    async def test_tells_who_is_signed_in(self, place: Place, browser: Browser) -> None:
        nobody = (await browser.get("/auth/session")).json()
        assert nobody == {
            "signed_in": False,
            "user": None,
            "expires_at": None,
            "csrf_header": "X-Muniment",
        }
        await browser.sign_in()
        told = (await browser.get("/auth/session")).json()
        assert told["signed_in"] is True
        assert told["expires_at"] is not None
        assert told["user"].pop("id")
        assert told["user"] == {
            "subject": place.provider.subject,
            "tenant": "acme",
            "roles": ["member"],
        }

    async def test_takes_a_cookie_away_that_is_good_for_nothing(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        await place.run("update web_session set ended_at = now()")
        told = await browser.get("/auth/session")
        assert told.headers["set-cookie"].startswith(f"{SESSION_COOKIE}=;")
        assert browser.cookie is None


class TestLogout:
    async def test_ends_the_session_here_and_tells_where_it_ends_there(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        cookie = browser.cookie
        answered = await browser.ours.post(LOGOUT, headers=PAGE)
        address = urlsplit(answered.json()["end_session_url"])
        asked = parse_qs(address.query)
        assert answered.status_code == 200
        assert address.path.endswith("/logout")
        assert asked["post_logout_redirect_uri"] == [f"{PUBLIC_URL}/"]
        assert asked["id_token_hint"] == [place.provider.given[-1]]
        # Single sign-on lives on until the browser goes there.
        assert place.provider.revoked == []
        assert browser.cookie is None
        again = await browser.ours.get(ME, headers={"Cookie": f"{SESSION_COOKIE}={cookie}"})
        assert again.json()["code"] == "session_ended"
        assert await place.ask(LEFT) == [(0,)]

    async def test_gives_the_token_back_where_the_issuer_has_no_such_address(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with fake_provider() as provider:
            provider.ends_sessions = False
            async with place_of(migrated, tmp_path, provider) as place:
                browser = place.browser()
                await browser.sign_in()
                refresh_token = provider.given[-2]
                answered = await browser.ours.post(LOGOUT, headers=PAGE)
                assert answered.json() == {"end_session_url": None}
                assert provider.revoked == [refresh_token]

    async def test_ends_what_is_open_by_it(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        await browser.ours.post(LOGOUT, headers=PAGE)
        assert await place.ask(
            "select r.kind from revocation r join web_session s on r.name = s.id::text"
        ) == [("web_session",)]

    async def test_sends_a_form_on(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        answered = await browser.ours.post(
            LOGOUT, headers={**FORM, "Sec-Fetch-Site": "same-origin"}
        )
        assert answered.status_code == 303
        assert answered.headers["location"].startswith(f"{place.provider.issuer}/logout?")
        assert not await is_in(browser)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            FORM,
            {"X-Muniment": "1"},
            {**FORM, "Sec-Fetch-Site": "cross-site"},
            {**FORM, "Origin": "https://evil.example"},
            {"Content-Type": "text/plain", "Origin": PUBLIC_URL},
        ],
    )
    async def test_is_for_pages_of_the_server(
        self, browser: Browser, headers: dict[str, str]
    ) -> None:
        await browser.sign_in()
        answered = await browser.ours.post(LOGOUT, headers=headers)
        assert (answered.status_code, answered.json()["code"]) == (403, "cross_site_request")
        assert await is_in(browser)

    async def test_is_no_get(self, browser: Browser) -> None:
        await browser.sign_in()
        assert (await browser.get(LOGOUT)).status_code == 405
        assert await is_in(browser)

    async def test_ends_every_session_that_the_browser_comes_with(
        self, place: Place, browser: Browser
    ) -> None:
        """Else whoever plants a second cookie could keep somebody signed in."""
        await browser.sign_in()
        other = place.browser()
        await other.sign_in()
        values = ("A" * 43, f"{browser.cookie}", f"{other.cookie}")
        header = "; ".join(f"{SESSION_COOKIE}={value}" for value in values)
        answered = await place.browser().ours.post(LOGOUT, headers={**PAGE, "Cookie": header})
        assert answered.status_code == 200
        assert answered.json()["end_session_url"].startswith(f"{place.provider.issuer}/logout?")
        assert answered.headers["set-cookie"].startswith(f"{SESSION_COOKIE}=;")
        assert await place.ask(
            "select count(*), count(ended_at), count(refresh_sealed) from web_session"
        ) == [(2, 2, 0)]

    async def test_of_nobody_is_done_already(self, browser: Browser) -> None:
        answered = await browser.ours.post(LOGOUT, headers=PAGE)
        assert (answered.status_code, answered.json()) == (200, {"end_session_url": None})

    async def test_works_while_the_provider_is_away(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        place.provider.status = 503
        assert (await browser.ours.post(LOGOUT, headers=PAGE)).status_code == 200
        assert not await is_in(browser)


class TestOwnSessions:
    async def test_are_listed_with_the_present_one_marked(
        self, place: Place, browser: Browser
    ) -> None:
        browser.ours.headers["User-Agent"] = "Firefox on a train" + "!" * 500
        await browser.sign_in()
        other = place.browser()
        await other.sign_in()
        listed = (await other.get(LIST)).json()["items"]
        assert [one["is_current"] for one in listed] == [False, True]
        assert listed[0]["user_agent"].startswith("Firefox on a train!")
        assert len(listed[0]["user_agent"]) == 200
        assert listed[0].keys() == {
            *("id", "created_at", "last_seen_at", "expires_at", "user_agent", "is_current")
        }

    async def test_are_listed_in_pages_while_they_live(self, place: Place) -> None:
        browsers = [place.browser() for _ in range(3)]
        for browser in browsers:
            await browser.sign_in()
        first = (await browsers[0].get(f"{LIST}?limit=2")).json()
        rest = (await browsers[0].get(f"{LIST}?limit=2&cursor={first['next']}")).json()
        ids = [one["id"] for one in [*first["items"], *rest["items"]]]
        assert len(set(ids)) == 3
        assert rest["next"] is None
        await browsers[2].ours.post(LOGOUT, headers=PAGE)
        await place.run(
            "update web_session set idle_expires_at = now() where id::text = :id", id=ids[1]
        )
        left = (await browsers[0].get(LIST)).json()["items"]
        assert [one["id"] for one in left] == ids[:1]

    async def test_are_nobody_elses(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        ((session_id,),) = await place.ask("select id::text from web_session")
        place.provider.subject = "mallory"
        stranger = place.browser()
        await stranger.sign_in()
        assert len((await stranger.get(LIST)).json()["items"]) == 1
        refused = await stranger.ours.delete(f"{LIST}/{session_id}", headers=PAGE)
        await stranger.ours.delete(LIST, headers=PAGE)
        assert (refused.status_code, refused.json()["code"]) == (404, "session_not_found")
        assert await is_in(browser)

    async def test_are_ended_one_by_one(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        other = place.browser()
        await other.sign_in()
        sessions = (await browser.get(LIST)).json()["items"]
        path = f"{LIST}/{next(one['id'] for one in sessions if not one['is_current'])}"
        assert (await browser.ours.delete(path, headers=PAGE)).status_code == 204
        assert [await is_in(one) for one in (browser, other)] == [True, False]
        assert (await browser.ours.delete(path, headers=PAGE)).status_code == 404
        assert len(place.provider.revoked) == 1

    async def test_are_ended_all_but_the_present_one(self, place: Place, browser: Browser) -> None:
        others = [place.browser() for _ in range(2)]
        for one in (browser, *others):
            await one.sign_in()
        assert (await browser.ours.delete(LIST, headers=PAGE)).status_code == 204
        assert [await is_in(one) for one in (browser, *others)] == [True, False, False]
        assert len(place.provider.revoked) == 2

    async def test_are_ended_all_by_a_token(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        token = place.provider.given[1]
        other = place.browser()
        answered = await other.ours.delete(LIST, headers=bearer(token))
        assert answered.status_code == 204
        assert not await is_in(browser)

    async def test_are_no_matter_of_api_keys(self, place: Place, browser: Browser) -> None:
        """Who finds a key could sign its owner out, again and again."""
        await browser.sign_in()
        headers = bearer(await key_of(place, browser))
        other = place.browser()
        answered = [
            await other.ours.get(LIST, headers=headers),
            await other.ours.delete(LIST, headers=headers),
        ]
        assert [one.json()["code"] for one in answered] == ["permission_denied"] * 2
        assert await is_in(browser)

    async def test_leave_in_the_audit_when_they_began_and_ended(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        await browser.ours.post(LOGOUT, headers=PAGE)
        assert await place.ask(
            "select action, actor_id = (select id from account), object_id = (select id from"
            " web_session) from audit_entry where object_kind = 'session' order by id"
        ) == [("session.started", True, True), ("session.ended", True, True)]


class TestBackChannel:
    async def log_out(self, place: Place, **claims: object) -> None:
        now = int(SystemClock().now().timestamp())
        provider = place.provider
        token = logout_token(provider.idp, now, None, **{"iss": provider.issuer, **claims})
        issuer = place.browser()
        answered = await issuer.ours.post("/auth/backchannel-logout", data={"logout_token": token})
        assert answered.status_code == 200, answered.text

    async def test_ends_the_session_that_it_names(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        other = place.browser()
        await other.sign_in()
        sid = next(iter(place.provider.sessions))
        await self.log_out(place, sid=sid, sub=place.provider.subject)
        assert [await is_in(one) for one in (browser, other)] == [False, True]
        assert await place.ask("select sid from web_session where ended_at is not null") == [(sid,)]

    async def test_ends_all_of_a_user(self, place: Place, browser: Browser) -> None:
        subject = place.provider.subject
        await browser.sign_in()
        place.provider.subject = "somebody-else"
        other = place.browser()
        await other.sign_in()
        await self.log_out(place, sub=subject, sid=ABSENT)
        assert [await is_in(one) for one in (browser, other)] == [False, True]

    async def test_leaves_who_signed_in_after_it(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        await place.run("update web_session set issued_at = now() + interval '1 minute'")
        await self.log_out(place, sid=next(iter(place.provider.sessions)))
        assert await is_in(browser)
