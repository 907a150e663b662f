"""Signing in with a browser at a provider, and everything that may go wrong on the way."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from muniment.kit.errors import ConfigurationError
from muniment.sessions.destinations import safe_destination
from tests.sessions.conftest import Place, place_of, settings_for
from tests.support.browser import PUBLIC_URL, SESSION_COOKIE, Browser
from tests.support.database import TestDatabase
from tests.support.fake_idp import ABSENT, CLIENT
from tests.support.fake_provider import FakeProvider, fake_provider
from tests.support.whole_product import whole_product

ME = "/api/v1/users/me"
SESSIONS = "select count(*) from web_session where ended_at is null"


class TestLogin:
    async def test_sends_the_browser_to_the_provider(self, place: Place, browser: Browser) -> None:
        departed = await browser.leave("/documents?page=2")
        address = urlsplit(departed.headers["location"])
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        assert departed.status_code == 302
        assert f"{address.scheme}://{address.netloc}{address.path}".startswith(
            place.provider.issuer
        )
        assert (
            asked.items()
            >= {
                "response_type": "code",
                "client_id": CLIENT,
                "redirect_uri": f"{PUBLIC_URL}/auth/callback",
                "scope": "openid",
                "code_challenge_method": "S256",
            }.items()
        )
        assert {len(asked[name]) for name in ("state", "nonce", "code_challenge")} == {43}
        cookie = departed.headers["set-cookie"]
        assert cookie.startswith("__Host-muniment-signin-")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600")
        assert departed.headers["cache-control"] == "no-store"

    async def test_takes_its_own_address_from_the_settings_alone(self, browser: Browser) -> None:
        hostile = {"Host": "localhost", "X-Forwarded-Host": "evil.example"}
        departed = await browser.ours.get("/auth/login", headers=hostile)
        asked = parse_qs(urlsplit(departed.headers["location"]).query)
        assert asked["redirect_uri"] == [f"{PUBLIC_URL}/auth/callback"]


class TestCallback:
    async def test_opens_a_session_and_goes_on(self, place: Place, browser: Browser) -> None:
        arrived = await browser.sign_in("/documents?page=2")
        assert (arrived.status_code, arrived.headers["location"]) == (302, "/documents?page=2")
        cookies = arrived.headers.get_list("set-cookie")
        session = next(one for one in cookies if one.startswith(f"{SESSION_COOKIE}="))
        assert session.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        me = (await browser.get(ME)).json()
        assert (me["subject"], me["issuer"], me["roles"]) == (
            place.provider.subject,
            place.provider.issuer,
            ["member"],
        )
        assert [*browser.ours.cookies] == [SESSION_COOKIE]

    async def test_gives_a_new_id_each_time_and_ends_the_one_before(
        self, place: Place, browser: Browser
    ) -> None:
        planted = "A" * 43
        browser.ours.cookies.set(SESSION_COOKIE, planted, domain="muniment.example", path="/")
        await browser.sign_in()
        first = browser.cookie
        await browser.sign_in()
        assert len({planted, first, browser.cookie}) == 3
        assert await place.ask(SESSIONS) == [(1,)]
        browser.ours.cookies.set(SESSION_COOKIE, f"{first}", domain="muniment.example", path="/")
        assert (await browser.get(ME)).json()["code"] == "session_ended"

    async def test_serves_several_tabs(self, browser: Browser) -> None:
        ways = [await browser.way_back(f"/tab-{number}") for number in range(3)]
        arrived = [await browser.ours.get(way) for way in ways]
        assert [one.headers["location"] for one in arrived] == ["/tab-0", "/tab-1", "/tab-2"]

    async def test_takes_an_answer_once(self, browser: Browser) -> None:
        way = await browser.way_back()
        assert (await browser.ours.get(way)).status_code == 302
        assert (await browser.ours.get(way)).json()["code"] == "sign_in_broken"

    async def test_refuses_the_answer_to_another_browser(
        self, place: Place, browser: Browser
    ) -> None:
        """Else an attacker could sign a victim in as themselves, and read what they write."""
        way = await browser.way_back()
        victim = place.browser()
        refused = await victim.ours.get(way)
        await victim.leave()
        again = await victim.ours.get(way)
        assert {refused.json()["code"], again.json()["code"]} == {"sign_in_broken"}
        assert "set-cookie" not in refused.headers
        assert (await browser.ours.get(way)).status_code == 302

    async def test_refuses_an_answer_that_is_late(self, place: Place, browser: Browser) -> None:
        way = await browser.way_back()
        await place.run("update sign_in_attempt set expires_at = now() - interval '1 second'")
        assert (await browser.ours.get(way)).status_code == 400

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": "B" * 43},
            {"state": ABSENT},
            {"state": "'"},
            {"code": ABSENT},
            {"code": "not-a-code"},
            {"iss": ABSENT},
            {"iss": "https://evil.example"},
            {"iss": "https://evil.example", "error": "access_denied"},
        ],
    )
    async def test_refuses_what_is_no_answer_to_its_question(
        self, place: Place, browser: Browser, changes: dict[str, object]
    ) -> None:
        place.provider.redirect_changes = changes
        refused = await browser.sign_in()
        assert (refused.status_code, refused.json()["code"]) == (400, "sign_in_broken")
        assert browser.cookie is None
        assert await place.ask(SESSIONS) == [(0,)]

    async def test_refuses_an_answer_that_says_something_twice(self, browser: Browser) -> None:
        way = await browser.way_back()
        refused = await browser.ours.get(f"{way}&code=other")
        assert refused.json()["code"] == "sign_in_broken"

    @pytest.mark.parametrize("error", ["access_denied", "<script>alert(1)</script>"])
    async def test_tells_when_the_provider_says_no(
        self, place: Place, browser: Browser, error: str
    ) -> None:
        place.provider.redirect_changes = {
            "error": error,
            "error_description": "<script>alert(2)</script>",
            "code": ABSENT,
        }
        denied = await browser.sign_in()
        assert (denied.status_code, denied.json()["code"]) == (400, "sign_in_denied")
        assert denied.headers["content-type"] == "application/problem+json"
        assert "script" not in denied.text

    @pytest.mark.parametrize(
        ("id_claims", "claims", "token_changes"),
        [
            ({"nonce": "C" * 43}, {}, {}),
            ({"nonce": ABSENT}, {}, {}),
            ({"aud": "other"}, {}, {}),
            ({"aud": [CLIENT, "other"], "azp": "other"}, {}, {}),
            ({"azp": "other"}, {}, {}),
            ({"exp": 1}, {}, {}),
            ({"iat": 99_999_999_999}, {}, {}),
            ({"iss": "https://evil.example"}, {}, {}),
            ({"typ": "Bearer"}, {}, {}),
            ({"sub": "mallory"}, {}, {}),
            ({}, {"azp": "other"}, {}),
            ({}, {"aud": "other"}, {}),
            ({}, {}, {"id_token": ABSENT}),
            ({}, {}, {"id_token": "a.b.c"}),
            ({}, {}, {"access_token": "a.b.c"}),
        ],
    )
    async def test_refuses_tokens_that_do_not_fit(
        self,
        place: Place,
        browser: Browser,
        id_claims: dict[str, object],
        claims: dict[str, object],
        token_changes: dict[str, object],
    ) -> None:
        provider = place.provider
        provider.id_claims, provider.claims = id_claims, claims
        provider.token_changes = token_changes
        refused = await browser.sign_in()
        assert (refused.status_code, refused.json()["code"]) == (400, "sign_in_broken")
        assert await place.ask(SESSIONS) == [(0,)]
        assert len(provider.revoked) == 1

    async def test_refuses_an_id_token_in_the_place_of_an_access_token(
        self, place: Place, browser: Browser
    ) -> None:
        place.provider.token_changes = {"access_token": place.provider.idp.token({"typ": "ID"})}
        assert (await browser.sign_in()).json()["code"] == "sign_in_broken"

    @pytest.mark.parametrize("token_type", ["DPoP", "mac"])
    async def test_refuses_tokens_of_another_type(
        self, place: Place, browser: Browser, token_type: str
    ) -> None:
        place.provider.token_changes = {"token_type": token_type}
        assert (await browser.sign_in()).status_code == 503

    @pytest.mark.parametrize("status", [401, 500, 503, 302])
    async def test_says_when_the_provider_gives_nothing(
        self, place: Place, browser: Browser, status: int
    ) -> None:
        place.provider.status = status
        answered = await browser.sign_in()
        assert (answered.status_code, answered.json()["code"]) == (503, "provider_unavailable")

    async def test_refuses_a_user_who_is_disabled(self, place: Place, browser: Browser) -> None:
        await browser.sign_in()
        await place.run("update account set status = 'disabled'")
        assert (await browser.get(ME)).json()["code"] == "session_ended"
        assert (await browser.sign_in()).json()["code"] == "sign_in_broken"
        assert await place.ask("select count(*) from web_session") == [(0,)]
        assert len(place.provider.revoked) == 1

    async def test_that_loses_against_a_logout_gives_back_what_it_got(
        self, place: Place, browser: Browser
    ) -> None:
        """The logout comes after the tokens were made and before the session is stored."""
        way = await browser.way_back()
        await place.run(
            "insert into revocation (kind, issuer, name, cutoff)"
            " values ('subject', :issuer, :subject, now() + interval '1 minute')",
            issuer=place.provider.issuer,
            subject=place.provider.subject,
        )
        assert (await browser.ours.get(way)).json()["code"] == "sign_in_broken"
        assert place.provider.revoked == [place.provider.given[-2]]
        assert await place.ask(SESSIONS) == [(0,)]


class TestProvider:
    async def test_that_promises_no_iss_need_not_send_it(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with fake_provider() as provider:
            provider.names_itself = False
            async with place_of(migrated, tmp_path, provider) as place:
                browser = place.browser()
                assert (await browser.sign_in()).status_code == 302
                provider.redirect_changes = {"iss": "https://evil.example"}
                assert (await browser.sign_in()).status_code == 400

    async def test_that_is_away_is_told(self, migrated: TestDatabase, tmp_path: Path) -> None:
        async with fake_provider() as provider:
            settings = settings_for(provider)
        async with whole_product(migrated, tmp_path, **settings) as product:
            departed = await product.client(None).get("/auth/login")
        assert (departed.status_code, departed.json()["code"]) == (503, "provider_unavailable")

    async def test_that_is_not_set_up_is_told(self, migrated: TestDatabase, tmp_path: Path) -> None:
        async with whole_product(migrated, tmp_path) as product:
            departed = await product.client(None).get("/auth/login")
        assert (departed.status_code, departed.json()["code"]) == (404, "sign_in_unavailable")

    @pytest.mark.parametrize(
        ("server", "sentence"),
        [
            ({"host": "10.0.0.1"}, "for https alone"),
            ({"port": 0}, "picked at each start"),
        ],
    )
    async def test_needs_an_address_that_browsers_can_come_back_to(
        self, migrated: TestDatabase, tmp_path: Path, server: dict[str, object], sentence: str
    ) -> None:
        settings = {**settings_for(FakeProvider(port=1)), "server": server}
        with pytest.raises(ConfigurationError, match=sentence):
            async with whole_product(migrated, tmp_path, **settings):
                pass


class TestAudit:
    async def test_knows_who_signed_in_and_who_did_not(
        self, place: Place, browser: Browser
    ) -> None:
        counter = place.product.serving.sign_in.counter
        await counter.close()  # what it still holds of other tests
        await place.database.clean()
        await browser.sign_in()
        provider = place.provider
        await browser.ours.get("/auth/callback?state=x&code=y")
        provider.redirect_changes = {"iss": "https://evil.example"}
        await browser.sign_in()
        provider.redirect_changes = {"error": "access_denied", "code": ABSENT}
        await browser.sign_in()
        provider.redirect_changes, provider.id_claims = {}, {"nonce": ABSENT}
        await browser.sign_in()
        provider.id_claims, provider.claims = {}, {"aud": "other"}
        await browser.sign_in()
        await counter.close()
        kept = await place.ask(
            "select action, outcome, details->>'reason' from audit_entry where details->>'route' ="
            " 'GET /auth/callback' order by 3"
        )
        assert kept == [
            ("sign_in.refused", "failed", reason)
            for reason in (
                "access_denied",
                "access_token_audience",
                "id_token_other_purpose",
                "not_begun_here",
                "other_issuer",
            )
        ]
        started = await place.ask(
            "select count(*) from audit_entry where action = 'session.started' and actor_id ="
            " (select id from account)"
        )
        assert started == [(1,)]


class TestSecrets:
    async def test_are_in_no_column_of_any_table(self, place: Place, browser: Browser) -> None:
        await browser.leave()  # one that is left unfinished
        unfinished = dict(browser.ours.cookies)
        await browser.sign_in()
        await place.let_tokens_expire()
        assert (await browser.get(ME)).status_code == 200
        dump = await _dump(place)
        verifiers = [call["code_verifier"] for call in place.provider.calls[:1]]
        secrets = [*place.provider.given, *unfinished.values(), *verifiers, f"{browser.cookie}"]
        assert len(secrets) >= 9
        assert [secret for secret in secrets if secret in dump] == []
        assert place.provider.issuer in dump

    async def test_are_in_no_answer(self, place: Place, browser: Browser) -> None:
        answers: list[httpx2.Response] = [await browser.sign_in()]
        answers += [await browser.get(path) for path in (ME, "/auth/session", "/api/v1/sessions")]
        told = "".join(answer.text for answer in answers)
        assert [secret for secret in place.provider.given if secret in told] == []


async def _dump(place: Place) -> str:
    """Give all rows of all tables as text, and what is binary also as the text it may be."""
    tables = await place.ask("select tablename from pg_tables where schemaname = 'public'")
    rows = [row for (name,) in tables for row in await place.ask(f'select * from "{name}"')]
    values = [value for row in rows for value in row]
    return "\n".join(
        value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values
    )


class TestSafeDestination:
    @pytest.mark.parametrize(
        "wanted",
        [
            "/",
            "/documents",
            "/documents/1?page=2&q=a%20b",
            "/search?q=https://example.com//x",
            "/a-b_c.d~e",
            "/caf%C3%A9",
        ],
    )
    def test_lets_paths_of_ours_pass(self, wanted: str) -> None:
        assert safe_destination(wanted) == wanted

    @pytest.mark.parametrize(
        "wanted",
        [
            None,
            "",
            "documents",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https:evil.example",
            "https://evil.example",
            "http:/evil.example",
            "/%2f%2fevil.example",
            "/%252f%252fevil.example",
            "/%5cevil.example",
            "/%255cevil.example",
            "/..//evil.example",
            "/%2e%2e//evil.example",
            "/./%2fevil.example",
            "javascript:alert(1)",
            "\t//evil.example",
            "/\t/evil.example",
            "/%09/evil.example",
            "@evil.example",
            "/\r\nSet-Cookie: a=b",
            "/%0d%0aSet-Cookie:%20a=b",
            "/a#//evil.example",
            "/ü",
            "/a b",
            "/" + "a" * 3000,
            "/\x00",
            "/\x7f",
        ],
    )
    def test_goes_home_instead_of_anywhere_else(self, wanted: str | None) -> None:
        assert safe_destination(wanted) == "/"

    @pytest.mark.parametrize("wanted", ["//evil.example", "/%5cevil.example", "https://evil"])
    async def test_is_asked_at_login(self, browser: Browser, wanted: str) -> None:
        assert (await browser.sign_in(wanted)).headers["location"] == "/"
