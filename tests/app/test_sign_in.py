import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from muniment.app.container import open_serving
from muniment.audit import counting
from muniment.audit.acts import Actor
from muniment.identity.permissions import Permission
from tests.support.api_keys import make_key
from tests.support.callers import CallerSpec, bearer
from tests.support.database import TestDatabase
from tests.support.trail import trail_of
from tests.support.whole_product import whole_product


class TestOpenSignIn:
    async def test_keeps_what_tokens_say_about_who_came(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        alice = CallerSpec("alice", ("member",), groups=("/eng",), attributes={"clearance": 2})
        async with whole_product(migrated, tmp_path) as product:
            async with product.client(alice) as client:
                (await client.get("/api/v1/users/me")).raise_for_status()
            async with migrated.owner.connect() as owner:
                kept = await owner.execute(
                    text(
                        "select subject, roles, groups, attributes from account_rights"
                        " join account on id = account_id"
                    )
                )
                assert kept.all() == [("alice", ["member"], ["/eng"], {"clearance": 2})]

    async def test_lets_the_key_of_a_local_user_in(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with whole_product(migrated, tmp_path) as product:
            key = await make_key(product, CallerSpec("alice"), Permission.SEARCH_QUERY)
            async with product.client(None) as client:
                me = await client.get("/api/v1/users/me", headers=bearer(key.secret))
                assert me.status_code == 200
                assert me.json()["permissions"] == ["profile:read", "search:query"]
                allowed = await client.get("/api/v1/collections", headers=bearer(key.secret))
                assert allowed.status_code == 403
                elsewhere = await client.get(
                    "/api/v1/users/me", headers={"Cookie": f"k={key.secret}"}
                )
                assert elsewhere.status_code == 401
                elsewhere = await client.get(f"/api/v1/users/me?access_token={key.secret}")
                assert elsewhere.status_code == 401

    async def test_writes_down_who_was_refused_while_it_serves(
        self, migrated: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counting, "INTERVAL", timedelta(milliseconds=10))
        async with whole_product(migrated, tmp_path) as product, product.client(None) as client:
            serving = asyncio.create_task(product.serving.sign_in.keep_up())
            await client.get("/api/v1/users/me")
            async with asyncio.timeout(10):
                while not await trail_of(migrated, "sign_in.refused"):
                    await asyncio.sleep(0.01)
            serving.cancel()

    async def test_writes_down_what_is_left_at_its_end(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        async with whole_product(migrated, tmp_path) as product:
            async with open_serving(product.serving.shared, migrated.urls) as serving:
                actor = Actor.anonymous(None)
                serving.sign_in.counter.sign_in(actor, "session")
                assert await trail_of(migrated) == []
            [entry] = await trail_of(migrated)
            assert entry.action == "sign_in"
