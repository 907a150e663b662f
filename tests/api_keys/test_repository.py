from datetime import timedelta

from muniment.api_keys.repository import purge_ended_keys
from tests.api_keys.conftest import Desk


class TestPurge:
    async def test_removes_what_ended_long_ago_and_nothing_that_may_be_good(
        self, desk: Desk
    ) -> None:
        alice = await desk.sign_in()
        for name, revoked, expires in (
            ("good", "null", "now()"),
            ("revoked lately", "now() - interval '89 days'", "now()"),
            ("revoked long ago", "now() - interval '91 days'", "now()"),
            ("expired lately", "null", "now() - interval '89 days'"),
            ("expired long ago", "null", "now() - interval '91 days'"),
            ("both", "now() - interval '1 day'", "now() - interval '91 days'"),
        ):
            made = await desk.make(alice, expires_in=timedelta(days=1))
            await desk.run(
                f"update api_key set name = :name, revoked_at = {revoked},"
                f" created_at = now() - interval '1 year', expires_at = {expires} where id = :id",
                name=name,
                id=made.key.id,
            )
        assert await purge_ended_keys(desk.database.worker) == 3
        left = await desk.value("select array_agg(name order by id) from api_key")
        assert left == ["good", "revoked lately", "expired lately"]
