"""The routes, and keys in use, on the whole product."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text
from typing_extensions import override

from muniment.app.server import make_app
from muniment.identity.authentication import Authenticator, Caller
from muniment.identity.permissions import Permission
from muniment.kit.ids import new_id
from tests.support.api_keys import make_key
from tests.support.app import BASE_URL, served
from tests.support.callers import ADMIN, AUDITOR, MEMBER, CallerSpec, bearer, mint
from tests.support.database import TestDatabase
from tests.support.whole_product import WholeProduct, whole_product

KEYS = "/api/v1/api-keys"
ME = "/api/v1/users/me"
ALICE = CallerSpec("alice", MEMBER)
NIGHTLY = {"name": "Nightly", "scope": ["search:query"]}


class BrowsersOnly(Authenticator):
    """Takes whoever comes with a token for somebody with a browser session."""

    def __init__(self, real: Authenticator) -> None:
        self._real = real
        self.browser = real.browser

    @override
    async def authenticate(
        self, authorization: str | None, cookie: str | None = None, *, is_activity: bool = True
    ) -> Caller:
        caller = await self._real.authenticate(authorization, cookie, is_activity=is_activity)
        if caller.grounds.key_id is not None:
            return caller
        return replace(caller, grounds=replace(caller.grounds, web_session_id=new_id()))


@pytest.fixture(scope="module")
async def product(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    async with whole_product(migrated, tmp_path_factory.mktemp("keys")) as opened:
        yield opened


@pytest.fixture
async def browser(product: WholeProduct) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client with a browser session of alice's."""
    sign_in = product.serving.sign_in
    of_browsers = replace(sign_in, authenticator=BrowsersOnly(sign_in.authenticator))
    async with AsyncExitStack() as stack:
        app = make_app(replace(product.serving, sign_in=of_browsers))
        asgi = await stack.enter_async_context(served(app))
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(asgi),
            base_url=BASE_URL,
            headers=bearer(mint(sign_in.local_issuer, ALICE)),
        )
        yield await stack.enter_async_context(client)


@pytest.fixture
async def nobody(product: WholeProduct) -> AsyncIterator[httpx2.AsyncClient]:
    async with product.client(None) as client:
        yield client


async def run(database: TestDatabase, statement: str) -> None:
    async with database.owner.begin() as owner:
        await owner.execute(text(statement))


class TestCreate:
    async def test_shows_the_key_once(
        self, browser: httpx2.AsyncClient, nobody: httpx2.AsyncClient
    ) -> None:
        made = await browser.post(KEYS, json={**NIGHTLY, "expires_in": "P30D"})
        assert made.status_code == 201, made.text
        assert made.headers["Cache-Control"] == "no-store"
        body = made.json()
        secret = body.pop("key")
        assert (body["name"], body["scope"]) == ("Nightly", ["search:query"])
        lifetime = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(
            body["created_at"]
        )
        assert lifetime == timedelta(days=30)
        read = await browser.get(made.headers["Location"])
        assert read.json() == body
        assert secret not in (await browser.get(KEYS)).text + read.text
        me = await nobody.get(ME, headers=bearer(secret))
        assert me.json()["permissions"] == ["profile:read", "search:query"]

    async def test_keeps_the_key_nowhere_in_clear(
        self, browser: httpx2.AsyncClient, migrated: TestDatabase
    ) -> None:
        headers = {"Idempotency-Key": str(uuid4())}
        made = [await browser.post(KEYS, json=NIGHTLY, headers=headers) for _ in range(2)]
        secrets = [one.raise_for_status().json()["key"] for one in made]
        assert len(set(secrets)) == 2
        assert "Idempotent-Replay" not in made[1].headers
        found = await columns_with(migrated, *secrets)
        assert found == []
        assert await columns_with(migrated, secrets[0][:12]) == ["api_key.prefix"]

    async def test_needs_a_browser_session(self, product: WholeProduct) -> None:
        async with product.client(ALICE) as alice:
            refused = await alice.post(KEYS, json=NIGHTLY)
        assert (refused.status_code, refused.json()["code"]) == (403, "browser_session_required")
        assert "in a browser session or on the command line" in refused.json()["detail"]

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"scope": ["keys:manage"]}, 422, "scope_refused"),
            ({"scope": ["audit:read"]}, 422, "scope_refused"),
            ({"scope": ["search:all"]}, 422, "invalid_input"),
            ({"scope": []}, 422, "invalid_input"),
            ({"expires_in": "P2Y"}, 422, "invalid_input"),
            ({"account_id": "bob"}, 422, "invalid_input"),
        ],
    )
    async def test_says_what_makes_no_key(
        self, browser: httpx2.AsyncClient, changes: dict[str, object], status: int, code: str
    ) -> None:
        refused = await browser.post(KEYS, json={**NIGHTLY, **changes})
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
        assert refused.json()["errors"][0]["pointer"].startswith("/")


class TestOwnKeys:
    async def test_are_nobody_elses(self, product: WholeProduct) -> None:
        key = await make_key(product, ALICE)
        for other in (
            CallerSpec("bob", MEMBER),
            CallerSpec("root", (*MEMBER, *ADMIN)),
            CallerSpec("alice", MEMBER, tenant="elsewhere"),
        ):
            async with product.client(other) as client:
                assert key.id not in (await client.get(KEYS)).text
                for verb in ("GET", "DELETE"):
                    answer = await client.request(verb, f"{KEYS}/{key.id}")
                    assert answer.status_code == 404
                    assert answer.json()["code"] == "api_key_not_found"

    async def test_are_out_of_reach_of_a_key(
        self, product: WholeProduct, nobody: httpx2.AsyncClient
    ) -> None:
        root = CallerSpec("root", (*MEMBER, *ADMIN, *AUDITOR))
        key = await make_key(product, root)
        headers = bearer(key.secret)
        answers = [
            await nobody.post(KEYS, json=NIGHTLY, headers=headers),
            await nobody.get(KEYS, headers=headers),
            await nobody.get(f"{KEYS}/{key.id}", headers=headers),
            await nobody.delete(f"{KEYS}/{key.id}", headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4
        assert {answer.json()["code"] for answer in answers} == {"permission_denied"}

    async def test_are_revoked_for_good(
        self, product: WholeProduct, nobody: httpx2.AsyncClient
    ) -> None:
        key = await make_key(product, ALICE)
        async with product.client(ALICE) as alice:
            for _ in range(2):
                assert (await alice.delete(f"{KEYS}/{key.id}")).status_code == 204
            shown = (await alice.get(f"{KEYS}/{key.id}")).json()
        assert shown["status"] == "revoked"
        assert await is_refused(nobody, key.secret)


class TestInUse:
    async def test_does_what_its_scope_says_and_its_owner_may(
        self, product: WholeProduct, nobody: httpx2.AsyncClient
    ) -> None:
        key = await make_key(product, ALICE, Permission.COLLECTIONS_READ)
        headers = bearer(key.secret)
        assert (await nobody.get("/api/v1/collections", headers=headers)).status_code == 200
        made = await nobody.post("/api/v1/collections", json={"name": "x"}, headers=headers)
        assert made.json()["code"] == "permission_denied"
        async with product.client(CallerSpec("alice", ())) as alice:
            await alice.get(ME)
        lost = await nobody.get("/api/v1/collections", headers=headers)
        assert lost.json()["code"] == "permission_denied"

    @pytest.mark.parametrize(
        "statement",
        [
            "update account set status = 'disabled' where subject = 'carol'",
            "update api_key set revoked_at = now()",
            "update api_key set created_at = now() - interval '2 days', expires_at = now()",
            "update account set status = 'erased' where subject = 'carol'",
        ],
    )
    async def test_stops_with_what_it_stands_on(
        self,
        product: WholeProduct,
        nobody: httpx2.AsyncClient,
        migrated: TestDatabase,
        statement: str,
    ) -> None:
        key = await make_key(product, CallerSpec("carol", MEMBER))
        assert (await nobody.get(ME, headers=bearer(key.secret))).status_code == 200
        await run(migrated, statement)
        assert await is_refused(nobody, key.secret)
        await run(migrated, "update account set status = 'active' where status = 'disabled'")
        assert await is_refused(nobody, key.secret), "a key came back with its owner"

    async def test_is_read_in_one_place_alone(
        self, product: WholeProduct, nobody: httpx2.AsyncClient
    ) -> None:
        secret = (await make_key(product, ALICE)).secret
        answers = [
            await nobody.get(ME, headers={"Cookie": f"__Host-muniment={secret}"}),
            await nobody.get(ME, headers={"X-Api-Key": secret}),
            await nobody.get(f"{ME}?access_token={secret}"),
            await nobody.get(ME, headers={"Authorization": f"Basic {secret}"}),
            await nobody.get(ME, headers={"Authorization": secret}),
            await nobody.get(ME, headers=[("Authorization", f"Bearer {secret}") for _ in range(2)]),
        ]
        assert [answer.status_code for answer in answers] == [401] * 6
        wrong = secret[:-1] + ("a" if secret[-1] != "a" else "b")
        assert await is_refused(nobody, wrong)

    async def test_makes_no_right_younger_than_it_is(
        self, product: WholeProduct, nobody: httpx2.AsyncClient, migrated: TestDatabase
    ) -> None:
        """A source that a key adds is fetched by the rights that the key had."""
        key = await make_key(product, ALICE)
        headers = bearer(key.secret)
        made = await nobody.post("/api/v1/collections", json={"name": "x"}, headers=headers)
        await run(migrated, "update account_rights set verified_at = now() - interval '20 hours'")
        path = f"/api/v1/collections/{made.json()['id']}/sources"
        added = await nobody.post(path, json={"url": "http://10.0.0.1/"}, headers=headers)
        assert added.status_code == 202, added.text
        async with migrated.owner.connect() as owner:
            age = await owner.execute(text("select now() - verified_at from source"))
            assert age.scalar_one() > timedelta(hours=19)


async def is_refused(nobody: httpx2.AsyncClient, secret: str) -> bool:
    answer = await nobody.get(ME, headers=bearer(secret))
    return answer.status_code == 401 and answer.json()["code"] == "invalid_token"


async def columns_with(database: TestDatabase, *needles: str) -> list[str]:
    """Name the columns, of whatever type, that hold one of some texts."""
    found: list[str] = []
    async with database.owner.connect() as owner:
        columns = await owner.execute(
            text(
                "select table_name, column_name, data_type from information_schema.columns"
                " where table_schema = 'public' and data_type in"
                " ('text', 'bytea', 'jsonb', 'json', 'ARRAY', 'character varying', 'USER-DEFINED')"
            )
        )
        for table, column, kind in columns.all():
            as_text = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
            for needle in needles:
                holds = text(f"select exists (select from {table} where strpos({as_text}, :n) > 0)")
                if (await owner.execute(holds, {"n": needle})).scalar_one():
                    found.append(f"{table}.{column}")
    return found
