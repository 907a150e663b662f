"""Signing in with a browser at a real Keycloak: forms, refresh, logout in every direction."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.keycloak.conftest import Behind
from tests.support.keycloak.browser import Browser

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(400)]
ME = "/api/v1/users/me"
LIFE_S = 6
SAME_SITE = {"Sec-Fetch-Site": "same-origin", "X-Muniment": "1"}


@pytest.fixture
async def short_tokens(behind: Behind) -> AsyncIterator[None]:
    """Let access tokens of browsers live for some seconds."""
    name = "access.token.lifespan"
    await behind.realm.change_client("muniment-web", {"attributes": {name: str(LIFE_S)}})
    yield
    await behind.realm.change_client("muniment-web", {"attributes": {name: ""}})


@asynccontextmanager
async def signed_in(behind: Behind, user: str) -> AsyncIterator[Browser]:
    """Sign a fresh user in, in a fresh browser, which may go to both servers then."""
    browser = Browser()
    try:
        await sign_in(browser, behind, user)
        yield browser
    finally:
        await browser.close()


async def sign_in(browser: Browser, behind: Behind, user: str, page: str = "/docs") -> None:
    target = f"{behind.first}{page}"
    await browser.sign_in(f"{behind.first}/auth/login?next={page}", user, until=target)
    browser.copy_cookies(behind.first, behind.second)


async def me(browser: Browser, address: str) -> httpx2.Response:
    return await browser.send("GET", f"{address}{ME}")


async def sign_out(browser: Browser, behind: Behind) -> str:
    """Sign out here, and give where the session at the issuer ends."""
    headers = {**SAME_SITE, "Origin": behind.first}
    answer = await browser.send("POST", f"{behind.first}/auth/logout", headers=headers)
    return str(answer.raise_for_status().json()["end_session_url"])


async def refreshes(behind: Behind, user_id: object) -> tuple[int, int]:
    """Count in the realm's own log how often tokens of a user were renewed, and refused."""
    good = await behind.realm.events("REFRESH_TOKEN")
    bad = await behind.realm.events("REFRESH_TOKEN_ERROR")
    renewed, refused = (
        sum(one.get("userId") == user_id for one in events) for events in (good, bad)
    )
    return renewed, refused


class TestSignIn:
    async def test_goes_through_the_forms_and_back_to_the_page(self, behind: Behind) -> None:
        await behind.realm.add_user("anna", like="alice")
        async with signed_in(behind, "anna") as browser:
            for address in (behind.first, behind.second):
                found = (await me(browser, address)).raise_for_status().json()
                assert found["subject"] == (await behind.realm.user("anna"))["id"]
                assert (found["tenant"], found["groups"]) == ("acme", ["/eng/search"])
                assert found["attributes"] == {"department": "eng", "clearance": 3}
                state = await browser.send("GET", f"{address}/auth/session")
                assert state.json()["signed_in"] is True

    async def test_gives_the_browser_no_token(self, behind: Behind) -> None:
        await behind.realm.add_user("berta", like="alice")
        async with signed_in(behind, "berta") as browser:
            kept = browser.cookies(behind.first).values()
            assert kept
            assert not any("." in value and value.startswith("ey") for value in kept)

    async def test_takes_no_answer_twice(self, behind: Behind) -> None:
        await behind.realm.add_user("cora", like="alice")
        browser = Browser()
        try:
            back = f"{behind.first}/auth/callback"
            answer = await browser.sign_in(f"{behind.first}/auth/login", "cora", until=back)
            location = answer.headers["location"]
            assert (await browser.send("GET", location)).status_code == 302
            assert (await browser.send("GET", location)).status_code == 400
        finally:
            await browser.close()

    @pytest.mark.parametrize("user", ["frank", "grace"], ids=["two organisations", "none"])
    async def test_needs_one_organisation(self, behind: Behind, user: str) -> None:
        browser = Browser()
        try:
            back = f"{behind.first}/auth/callback"
            answer = await browser.sign_in(f"{behind.first}/auth/login", user, until=back)
            refused = await browser.send("GET", answer.headers["location"])
            assert (refused.status_code, refused.json()["code"]) == (403, "tenant_required")
        finally:
            await browser.close()


@pytest.mark.usefixtures("short_tokens")
class TestRefresh:
    async def test_happens_once_for_fifty_requests_at_two_servers(self, behind: Behind) -> None:
        await behind.realm.add_user("dora", like="alice")
        async with signed_in(behind, "dora") as browser:
            assert (await me(browser, behind.first)).status_code == 200
            user_id = (await behind.realm.user("dora"))["id"]
            await asyncio.sleep(LIFE_S + 1)
            answers = await asyncio.gather(
                *(me(browser, (behind.first, behind.second)[n % 2]) for n in range(50))
            )
            assert {answer.status_code for answer in answers} == {200}
            assert await refreshes(behind, user_id) == (1, 0)
            # Spaced by more than a second: 26.7 would accept an old token again before.
            await asyncio.sleep(LIFE_S + 2)
            assert (await me(browser, behind.second)).status_code == 200
            assert await refreshes(behind, user_id) == (2, 0)

    async def test_brings_changed_rights_and_a_new_cookie(self, behind: Behind) -> None:
        await behind.realm.add_user("edda", like="alice")
        async with signed_in(behind, "edda") as browser:
            before = browser.cookies(behind.first)
            await behind.realm.set_attribute("edda", "clearance", "5")
            await asyncio.sleep(LIFE_S + 1)
            found = (await me(browser, behind.first)).raise_for_status().json()
            assert found["attributes"]["clearance"] == 5
            assert browser.cookies(behind.first) != before
            assert (await me(browser, behind.first)).status_code == 200

    async def test_ends_the_session_of_who_was_disabled(self, behind: Behind) -> None:
        await behind.realm.add_user("frida", like="alice")
        async with signed_in(behind, "frida") as browser:
            await behind.realm.change_user("frida", {"enabled": False})
            await asyncio.sleep(LIFE_S + 1)
            assert (await me(browser, behind.first)).status_code == 401
            assert (await me(browser, behind.second)).status_code == 401


class TestLogout:
    async def test_here_lets_the_living_sign_on_sign_in_again(self, behind: Behind) -> None:
        await behind.realm.add_user("gerda", like="alice")
        async with signed_in(behind, "gerda") as browser:
            await sign_out(browser, behind)
            browser.copy_cookies(behind.first, behind.second)
            assert (await me(browser, behind.first)).status_code == 401
            await asyncio.sleep(1.1)
            # Nobody is asked for a password: the session at the issuer goes on.
            page = f"{behind.first}/docs"
            answer = await browser.visit(f"{behind.first}/auth/login?next=/docs", until=page)
            assert answer.is_redirect
            for _ in range(3):
                assert (await me(browser, behind.first)).status_code == 200
                await asyncio.sleep(0.5)

    async def test_at_the_issuer_too_asks_for_a_password_again(self, behind: Behind) -> None:
        await behind.realm.add_user("hilde", like="alice")
        async with signed_in(behind, "hilde") as browser:
            end = await sign_out(browser, behind)
            assert urlsplit(end).netloc == urlsplit(behind.realm.issuer).netloc
            home = f"{behind.first}/"
            assert (await browser.visit(end, until=home)).headers["location"] == home
            page = f"{behind.first}/docs"
            answer = await browser.visit(f"{behind.first}/auth/login?next=/docs", until=page)
            assert answer.status_code == 200
            assert "<form" in answer.text

    async def test_by_an_administrator_reaches_both_servers(self, behind: Behind) -> None:
        await behind.realm.add_user("inge", like="alice")
        async with signed_in(behind, "inge") as browser:
            assert (await me(browser, behind.second)).status_code == 200
            await asyncio.sleep(1.1)
            await behind.realm.log_out("inge")
            told = time.monotonic()
            while (await me(browser, behind.second)).status_code == 200:
                assert time.monotonic() - told < 1.0
                await asyncio.sleep(0.02)
            assert (await me(browser, behind.first)).status_code == 401
            await asyncio.sleep(1.1)
            await sign_in(browser, behind, "inge")
            assert (await me(browser, behind.second)).status_code == 200

    async def test_by_a_foreign_page_is_refused(self, behind: Behind) -> None:
        await behind.realm.add_user("jutta", like="alice")
        async with signed_in(behind, "jutta") as browser:
            for headers in (
                {"Sec-Fetch-Site": "cross-site", "X-Muniment": "1"},
                {"Origin": "https://evil.example", "X-Muniment": "1"},
                {"Origin": behind.first},
            ):
                url = f"{behind.first}/auth/logout"
                assert (await browser.send("POST", url, headers=headers)).status_code == 403
            assert (await me(browser, behind.first)).status_code == 200
