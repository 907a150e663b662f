"""What a session lets its browser do, and how long."""

from typing import Final

import pytest

from muniment.identity.browser import HEADER
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Transactions
from tests.sessions.conftest import Place
from tests.support.browser import PAGE, PUBLIC_URL, SESSION_COOKIE, Browser
from tests.support.callers import bearer

ME: Final = "/api/v1/users/me"
SESSION: Final = "/auth/session"


async def code_of(browser: Browser) -> str:
    answered = await browser.get(ME)
    return "" if answered.status_code == 200 else str(answered.json()["code"])


class TestSession:
    async def test_lets_in_as_the_token_would(self, place: Place, browser: Browser) -> None:
        place.provider.claims = {
            "groups": ["/eng/search"],
            "department": "hr",
            "resource_access": {"muniment-api": {"roles": ["member", "admin"]}},
        }
        await browser.sign_in()
        token = place.provider.given[1]
        with_cookie = (await browser.get(ME)).json()
        other = place.browser()
        with_token = (await other.ours.get(ME, headers=bearer(token))).json()
        assert with_cookie == with_token

    async def test_is_read_with_its_user_in_one_statement(
        self, place: Place, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await browser.sign_in()
        statements = []
        row = PreparedReads.row

        async def noted(reads: PreparedReads, statement: str, *values: object) -> object:
            statements.append(statement)
            return await row(reads, statement, *values)

        await place.product.serving.sign_in.revocations.poll()
        monkeypatch.setattr(PreparedReads, "row", noted)
        monkeypatch.setattr(Transactions, "begin", None)
        assert (await browser.get(ME)).status_code == 200
        assert statements == ["select * from muniment_web_session($1)"]

    @pytest.mark.parametrize(
        "change",
        [
            "update web_session set ended_at = now()",
            "update web_session set idle_expires_at = now()",
            "update web_session set absolute_expires_at = now()",
            "update account set status = 'disabled'",
            "delete from web_session",
        ],
    )
    async def test_lets_nobody_in_any_more(
        self, place: Place, browser: Browser, change: str
    ) -> None:
        await browser.sign_in()
        await place.run(change)
        assert await code_of(browser) == "session_ended"
        assert (await browser.get(SESSION)).json()["signed_in"] is False

    async def test_is_gone_from_the_database_with_a_user_who_is_erased(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        await place.run("update account set status = 'erased'")
        assert await place.ask("select * from web_session") == []

    @pytest.mark.parametrize("value", ["", "x", "A" * 42, "A" * 43, "A" * 44, "%00", "'" * 43])
    async def test_is_not_any_cookie(self, place: Place, value: str) -> None:
        browser = place.browser()
        headers = {"Cookie": f"{SESSION_COOKIE}={value}"}
        answered = await browser.ours.get(ME, headers=headers)
        assert (answered.status_code, answered.json()["code"]) == (401, "session_ended")
        assert answered.headers["www-authenticate"] == "Bearer"

    async def test_is_not_the_hash_that_the_database_knows(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        ((hashed,),) = await place.ask("select encode(id_hash, 'base64') from web_session")
        thief = place.browser()
        headers = {"Cookie": f"{SESSION_COOKIE}={str(hashed).rstrip('=')}"}
        assert (await thief.ours.get(ME, headers=headers)).status_code == 401

    async def test_is_not_believed_beside_another_of_its_name(self, browser: Browser) -> None:
        await browser.sign_in()
        for header in (
            f"{SESSION_COOKIE}={browser.cookie}; {SESSION_COOKIE}={'A' * 43}",
            f"{SESSION_COOKIE}={browser.cookie}; {SESSION_COOKIE}={browser.cookie}",
        ):
            answered = await browser.ours.get(ME, headers={"Cookie": header})
            assert answered.json()["code"] == "session_ended"

    async def test_is_not_looked_at_beside_a_token(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        bad = await browser.ours.get(ME, headers=bearer("not.a.token"))
        assert bad.json()["code"] == "invalid_token"
        token = place.provider.idp.token({"iss": place.provider.issuer, "sub": "bob"})
        assert (await browser.ours.get(ME, headers=bearer(token))).json()["subject"] == "bob"
        told = await browser.ours.get(SESSION, headers=bearer(token))
        assert told.json()["signed_in"] is False

    async def test_is_no_token(self, browser: Browser) -> None:
        await browser.sign_in()
        cookie = f"{browser.cookie}"
        browser.ours.cookies.clear()
        assert (await browser.ours.get(ME, headers=bearer(cookie))).status_code == 401

    async def test_ends_with_a_logout_at_the_issuer(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        await place.run(
            "insert into revocation (kind, issuer, name, cutoff)"
            " select 'session', issuer, sid, issued_at from web_session"
        )
        await place.product.serving.sign_in.revocations.poll()
        assert await code_of(browser) == "session_ended"


class TestActivity:
    async def test_keeps_a_session_alive(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        await place.run(
            "update web_session set last_seen_at = now() - interval '2 minutes',"
            " idle_expires_at = now() + interval '1 minute'"
        )
        await browser.get(ME)
        assert await place.ask(
            "select last_seen_at > now() - interval '30 seconds',"
            " idle_expires_at > now() + interval '7 hours' from web_session"
        ) == [(True, True)]

    async def test_is_written_once_a_minute(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        before = await place.ask("select xmin::text from web_session")
        await browser.get(ME)
        assert await place.ask("select xmin::text from web_session") == before

    async def test_never_makes_a_session_longer_than_it_may_be(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        await place.run(
            "update web_session set last_seen_at = now() - interval '2 minutes',"
            " absolute_expires_at = now() + interval '1 hour'"
        )
        await browser.get(ME)
        assert await place.ask("select idle_expires_at = absolute_expires_at from web_session") == [
            (True,)
        ]

    @pytest.mark.parametrize(
        ("path", "accept"), [(SESSION, "*/*"), (ME, "text/event-stream"), (ME, "a/b")]
    )
    async def test_is_not_what_goes_on_without_anybody(
        self, place: Place, browser: Browser, path: str, accept: str
    ) -> None:
        await browser.sign_in()
        await place.run("update web_session set last_seen_at = now() - interval '2 minutes'")
        await browser.ours.get(path, headers={"Accept": accept})
        ((is_noted,),) = await place.ask(
            "select last_seen_at > now() - interval '1 minute' from web_session"
        )
        assert is_noted is (accept == "a/b")


class TestChanges:
    """What the cookie alone may not do: SameSite is not the only wall."""

    async def change(self, browser: Browser, **headers: str) -> int:
        answered = await browser.ours.patch(
            ME, json={"locale": "de"}, headers={"If-Match": "*", **headers}
        )
        if answered.status_code == 403:
            assert answered.json()["code"] == "cross_site_request"
        return answered.status_code

    @pytest.mark.parametrize(
        "headers",
        [
            PAGE,
            {"Origin": PUBLIC_URL, HEADER: "1"},
            {"Origin": PUBLIC_URL, **PAGE},
        ],
    )
    async def test_are_for_pages_of_the_server(
        self, browser: Browser, headers: dict[str, str]
    ) -> None:
        await browser.sign_in()
        assert await self.change(browser, **headers) == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {HEADER: "1"},
            {"Sec-Fetch-Site": "same-origin"},
            {"Origin": PUBLIC_URL},
            {"Sec-Fetch-Site": "same-origin", HEADER: "0"},
            {"Sec-Fetch-Site": "cross-site", HEADER: "1"},
            {"Sec-Fetch-Site": "same-site", HEADER: "1"},
            {"Sec-Fetch-Site": "none", HEADER: "1"},
            {"Sec-Fetch-Site": "cross-site", "Origin": PUBLIC_URL, HEADER: "1"},
            {"Origin": "null", HEADER: "1"},
            {"Origin": "https://evil.example", HEADER: "1"},
            {"Origin": "http://muniment.example", HEADER: "1"},
            {"Origin": f"{PUBLIC_URL}:8443", HEADER: "1"},
            {"Origin": f"{PUBLIC_URL}.evil.example", HEADER: "1"},
            {"Referer": f"{PUBLIC_URL}/", HEADER: "1"},
        ],
    )
    async def test_are_refused_to_every_other_page(
        self, browser: Browser, headers: dict[str, str]
    ) -> None:
        await browser.sign_in()
        assert await self.change(browser, **headers) == 403

    async def test_are_refused_before_anything_is_said_about_the_body(
        self, browser: Browser
    ) -> None:
        await browser.sign_in()
        answered = await browser.ours.patch(
            ME, content=b"{", headers={"Content-Type": "text/plain", "Origin": "https://evil"}
        )
        assert answered.json()["code"] == "cross_site_request"

    async def test_with_a_token_need_none_of_it(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        token = place.provider.idp.token({"iss": place.provider.issuer, "sub": "bob"})
        headers = {**bearer(token), "Origin": "https://evil.example"}
        assert await self.change(browser, **headers) == 200

    async def test_are_never_shared_with_other_origins(self, browser: Browser) -> None:
        await browser.sign_in()
        headers = {"Origin": "https://evil.example"}
        answered = [
            await browser.ours.get(ME, headers=headers),
            await browser.ours.options(
                ME, headers={**headers, "Access-Control-Request-Method": "PATCH"}
            ),
        ]
        assert not [
            name
            for one in answered
            for name in one.headers
            if name.lower().startswith("access-control")
        ]
