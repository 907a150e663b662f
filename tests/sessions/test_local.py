"""Signing in on this machine: by a link that is good once, and without a provider alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from muniment.sessions.local import LocalUser
from tests.sessions.conftest import settings_for
from tests.support.browser import PAGE, Browser
from tests.support.database import TestDatabase
from tests.support.fake_provider import FakeProvider
from tests.support.whole_product import WholeProduct, whole_product

ME: Final = "/api/v1/users/me"
OWNER: Final = LocalUser("owner", ("member", "admin"))
ADDRESS: Final = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
async def product(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    async with whole_product(migrated, tmp_path_factory.mktemp("local")) as opened:
        yield opened


@pytest.fixture
async def browser(product: WholeProduct, migrated: TestDatabase) -> AsyncIterator[Browser]:
    opened = Browser.at(product.asgi, ADDRESS)
    yield opened
    await opened.close()
    await migrated.clean()


async def link_of(product: WholeProduct) -> str:
    local = product.serving.sign_in.browsers.local
    assert local is not None
    return f"/auth/local?code={(await local.make_code(OWNER)).get_secret_value()}"


class TestLink:
    async def test_signs_the_user_of_this_machine_in(
        self, product: WholeProduct, browser: Browser
    ) -> None:
        arrived = await browser.get(await link_of(product))
        assert (arrived.status_code, arrived.headers["location"]) == (302, "/docs")
        assert arrived.text == ""
        (cookie,) = arrived.headers.get_list("set-cookie")
        assert cookie.startswith("muniment-8000=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
        me = (await browser.get(ME)).json()
        assert (me["subject"], sorted(me["roles"])) == ("owner", ["admin", "member"])
        changed = await browser.ours.patch(
            ME, json={"locale": "de"}, headers={**PAGE, "If-Match": "*"}
        )
        assert changed.status_code == 200

    async def test_is_good_once(self, product: WholeProduct, browser: Browser) -> None:
        link = await link_of(product)
        answers = await asyncio.gather(*(browser.get(link) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [302, 410, 410, 410, 410]
        assert (await browser.get(link)).json()["code"] == "sign_in_link_used"

    async def test_is_good_for_ten_minutes(
        self, product: WholeProduct, browser: Browser, migrated: TestDatabase
    ) -> None:
        link = await link_of(product)
        async with migrated.owner.begin() as owner:
            left = await owner.execute(
                text("select extract(epoch from expires_at - now()) from sign_in_link")
            )
            assert 590 < left.scalar_one() <= 600
            await owner.execute(text("update sign_in_link set expires_at = now()"))
        assert (await browser.get(link)).status_code == 410

    @pytest.mark.parametrize("query", ["", "?code=", "?code=x", f"?code={'A' * 43}"])
    async def test_is_not_any_link(self, browser: Browser, query: str) -> None:
        refused = await browser.get(f"/auth/local{query}")
        assert (refused.status_code, refused.json()["code"]) == (410, "sign_in_link_used")
        assert "set-cookie" not in refused.headers

    async def test_is_nowhere_in_clear(
        self, product: WholeProduct, browser: Browser, migrated: TestDatabase
    ) -> None:
        code = (await link_of(product)).partition("=")[2]
        async with migrated.owner.connect() as owner:
            rows = (await owner.execute(text("select sign_in_link::text from sign_in_link"))).all()
        assert len(rows) == 1
        assert code not in str(rows)
        assert code.encode().hex() not in str(rows)

    async def test_makes_a_session_that_nobody_has_to_be_asked_about(
        self, product: WholeProduct, browser: Browser
    ) -> None:
        await browser.get(await link_of(product))
        told = (await browser.get("/auth/session")).json()
        assert (told["signed_in"], told["user"]["tenant"]) == (True, "default")
        out = await browser.ours.post("/auth/logout", headers=PAGE)
        assert out.json() == {"end_session_url": None}
        assert (await browser.get(ME)).status_code == 401


class TestProvider:
    async def test_makes_an_end_of_links_and_of_the_sessions_they_made(
        self, product: WholeProduct, browser: Browser, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        link = await link_of(product)
        await browser.get(await link_of(product))
        cookie = browser.ours.cookies.get("muniment-8000")
        settings = {**settings_for(FakeProvider(port=1)), "server": {"public_url": ADDRESS}}
        async with whole_product(migrated, tmp_path, **settings) as guarded:
            other = Browser.at(guarded.asgi, ADDRESS)
            headers = {"Cookie": f"muniment-8000={cookie}"}
            assert (await browser.get(ME)).status_code == 200
            assert (await other.ours.get(ME, headers=headers)).json()["code"] == "session_ended"
            assert (await other.get(link)).json()["code"] == "sign_in_unavailable"
            await other.close()
