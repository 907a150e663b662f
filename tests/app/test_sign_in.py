from pathlib import Path

from sqlalchemy import text

from muniment.api_keys.schemas import ApiKeyCreate
from muniment.api_keys.service import ApiKeyService
from muniment.identity.permissions import Permission
from muniment.kit.clock import SystemClock
from muniment.postgres.unit_of_work import Scope
from tests.support.callers import CallerSpec, bearer, mint
from tests.support.database import TestDatabase
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
            sign_in = product.serving.sign_in
            token = mint(sign_in.local_issuer, CallerSpec("alice"))
            alice = (await sign_in.command_line.authenticate(token)).principal
            scope = Scope(alice.tenant_id, alice.names)
            async with product.serving.transactions.begin(scope) as session:
                settings = product.serving.shared.settings.identity.api_keys
                service = ApiKeyService(session, settings, SystemClock())
                wanted = ApiKeyCreate(name="k", scope=frozenset({Permission.SEARCH_QUERY}))
                secret = (await service.create(alice, wanted)).secret.get_secret_value()
            async with product.client(None) as client:
                me = await client.get("/api/v1/users/me", headers=bearer(secret))
                assert me.status_code == 200
                assert me.json()["permissions"] == ["profile:read", "search:query"]
                allowed = await client.get("/api/v1/collections", headers=bearer(secret))
                assert allowed.status_code == 403
                elsewhere = await client.get("/api/v1/users/me", headers={"Cookie": f"k={secret}"})
                assert elsewhere.status_code == 401
                elsewhere = await client.get(f"/api/v1/users/me?access_token={secret}")
                assert elsewhere.status_code == 401
