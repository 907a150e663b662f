from pathlib import Path

from sqlalchemy import text

from tests.support.callers import CallerSpec
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
