"""Trouble on our own side costs nobody a session: the database is away, or a key is missing."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.bearer import BearerTokens
from muniment.kit.errors import BusyError, UnavailableError
from muniment.postgres.unit_of_work import Scope, Transactions
from muniment.sessions import refreshing
from muniment.sessions.repository import WebSessionRepository
from tests.sessions.conftest import Place, place_of
from tests.support.browser import SESSION_COOKIE, Browser
from tests.support.database import TestDatabase

ME: Final = "/api/v1/users/me"
AGAIN: Final = "update web_session set lease_until = now()"
ALIVE: Final = "select ended_at is null from web_session"


async def code_of(browser: Browser) -> str:
    answered = await browser.get(ME)
    return "" if answered.status_code == 200 else str(answered.json()["code"])


def break_first(
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    error: Exception,
    *,
    after: bool = False,
) -> None:
    """Let a method fail once, before it does its work or after it."""
    sound: Callable[..., Awaitable[object]] = getattr(owner, name)
    troubles = [error]

    async def fragile(*arguments: object, **named: object) -> object:
        if troubles and not after:
            raise troubles.pop()
        done = await sound(*arguments, **named)
        if troubles:
            raise troubles.pop()
        return done

    monkeypatch.setattr(owner, name, fragile)


class TestChecks:
    @pytest.mark.parametrize(
        "error",
        [UnavailableError("away"), BusyError("full"), ConnectionRefusedError(), TimeoutError()],
        ids=lambda error: type(error).__name__,
    )
    async def test_that_cannot_be_made_keep_the_new_token(
        self, place: Place, browser: Browser, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        await browser.sign_in()
        await place.let_tokens_expire()
        break_first(monkeypatch, BearerTokens, "authenticate", error)
        assert await code_of(browser) == ""
        assert place.provider.revoked == []
        await place.run(AGAIN)
        assert await code_of(browser) == ""
        assert place.provider.refreshes == 2
        assert await place.ask(ALIVE) == [(True,)]

    async def test_that_take_too_long_keep_the_new_token(
        self, place: Place, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await browser.sign_in()
        await place.let_tokens_expire()

        async def hang(*_arguments: object) -> None:
            await asyncio.sleep(30)

        with monkeypatch.context() as slow:
            slow.setattr(BearerTokens, "authenticate", hang)
            slow.setattr(refreshing, "CHECKS", timedelta(milliseconds=50))
            assert await code_of(browser) == ""
        await place.run(AGAIN)
        assert await code_of(browser) == ""
        assert place.provider.refreshes == 2

    def test_leave_time_in_the_lease_for_the_call_and_for_storing(self) -> None:
        discovery, call, pool, statement = 5, 5, 5, 30
        rest = refreshing.LEASE - refreshing.CHECKS
        assert rest >= timedelta(seconds=discovery + call + pool)
        assert timedelta(seconds=discovery + call + 10 + pool + statement) <= refreshing.LEASE


class TestStoring:
    @pytest.mark.parametrize("after", [False, True])
    async def test_is_tried_again(
        self, place: Place, browser: Browser, monkeypatch: pytest.MonkeyPatch, *, after: bool
    ) -> None:
        await browser.sign_in()
        await place.let_tokens_expire()
        break_first(monkeypatch, WebSessionRepository, "store", ConnectionResetError(), after=after)
        assert await code_of(browser) == ""
        assert place.provider.revoked == []
        await place.let_tokens_expire()
        assert await code_of(browser) == ""
        assert place.provider.refreshes == 2

    async def test_that_was_done_and_not_told_is_done(
        self, place: Place, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection is cut after the commit, before its answer."""
        await browser.sign_in()
        for session in place.provider.sessions.values():
            session.claims.update(clearance=7)
        await place.let_tokens_expire()
        old = browser.cookie
        begin = Transactions.begin
        cut = [ConnectionResetError()]

        @asynccontextmanager
        async def fragile(self: Transactions, scope: Scope | None) -> AsyncIterator[AsyncSession]:
            async with begin(self, scope) as session:
                yield session
            if cut and place.provider.refreshes:
                raise cut.pop()

        monkeypatch.setattr(Transactions, "begin", fragile)
        assert await code_of(browser) == ""
        assert cut == []
        assert place.provider.revoked == []
        late = place.browser()
        header = {"Cookie": f"{SESSION_COOKIE}={old}"}
        assert (await late.ours.get(ME, headers=header)).status_code == 200

    async def test_of_what_came_before_the_checks_failed_is_tried_again(
        self, place: Place, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await browser.sign_in()
        await place.let_tokens_expire()
        break_first(monkeypatch, BearerTokens, "authenticate", UnavailableError("away"))
        break_first(monkeypatch, WebSessionRepository, "note_silence", ConnectionResetError())
        assert await code_of(browser) == ""
        await place.run(AGAIN)
        assert await code_of(browser) == ""
        assert place.provider.refreshes == 2

    async def test_keeps_nobody_waiting_for_long(
        self, place: Place, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await browser.sign_in()
        await place.let_tokens_expire()
        break_first(monkeypatch, WebSessionRepository, "store", ConnectionResetError())
        monkeypatch.setattr(refreshing, "_PATIENCE_S", 0.2)
        assert await code_of(browser) == ""
        assert await place.ask("select refresh_generation from web_session") == [(1,)]
        refresher = place.product.serving.sign_in.browsers.refresher
        assert refresher is not None
        await refresher.close()
        assert await place.ask("select refresh_generation from web_session") == [(2,)]


class TestKeys:
    async def test_are_turned_without_ending_a_session(
        self, place: Place, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        """The old key opens what it sealed; the next refresh seals it by the new one."""
        old, new = (b64encode(bytes([number]) * 32).decode() for number in (1, 2))
        async with AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(
                    place_of(migrated, tmp_path, place.provider, session_keys=keys)
                )
                for keys in ([old], [new, old], [new])
            ]
            browsers = [server.browser() for server in servers]
            await browsers[0].sign_in()
            for browser in browsers[1:]:
                browser.take_session_of(browsers[0])
            for browser in browsers:
                await place.let_tokens_expire()
                assert await code_of(browser) == ""
            await place.let_tokens_expire("6 minutes")
            assert await code_of(browsers[0]) == "provider_unavailable"
            await place.run(AGAIN)
            assert await code_of(browsers[2]) == ""
        assert place.provider.refreshes == 4
        assert not (tmp_path / "keys" / "sessions.key").exists()

    @pytest.mark.parametrize("sealed", ["'rubbish'", "''"])
    async def test_that_are_missing_let_the_old_rights_hold_for_a_while(
        self, place: Place, browser: Browser, sealed: str
    ) -> None:
        await browser.sign_in()
        await place.run(f"update web_session set refresh_sealed = {sealed}")
        await place.let_tokens_expire("4 minutes")
        assert await code_of(browser) == ""
        await place.run(AGAIN)
        await place.let_tokens_expire("6 minutes")
        assert await code_of(browser) == "provider_unavailable"
        assert await place.ask(ALIVE) == [(True,)]
        assert (place.provider.refreshes, place.provider.revoked) == (0, [])
        assert (await browser.sign_in()).status_code == 302
        assert await code_of(browser) == ""

    async def test_do_not_open_what_was_sealed_for_another_row(
        self, place: Place, browser: Browser
    ) -> None:
        await browser.sign_in()
        other = place.browser()
        place.provider.subject = "mallory"
        await other.sign_in()
        await place.run(
            "update web_session s set refresh_sealed = o.refresh_sealed from web_session o"
            " where s.id <> o.id"
        )
        await place.let_tokens_expire("6 minutes")
        assert await code_of(other) == "provider_unavailable"
        assert place.provider.refreshes == 0
