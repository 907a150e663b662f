"""The statements of the audit: an index serves each way of searching it, behind the walls."""

import pytest
from sqlalchemy import text

from muniment.audit.acts import Action
from muniment.audit.repository import NEWEST_FIRST, EntryCriteria, statement_of
from muniment.kit.clock import SystemClock
from muniment.kit.pagination import PageRequest
from muniment.postgres.unit_of_work import Scope
from tests.support.database import TestDatabase

RARE = "5a11c011-0000-0000-0000-000000000000"
FILL = """
insert into audit_entry (tenant_id, actor_id, actor, action, outcome)
select case when i % 20 = 0 then 1 else 2 end,
    case when i % 5000 = 0 then cast(:rare as uuid) else gen_random_uuid() end,
    case when i % 5000 = 0 then 'rare' else 'actor-' || i end,
    case when i % 5000 = 0 then 'grant.given' else 'sign_in' end, 'done'
from generate_series(1, 20000) i
"""


@pytest.fixture
async def full(database: TestDatabase) -> TestDatabase:
    """A trail of two tenants with few entries of one kind among many of another."""
    async with database.owner.begin() as owner:
        await owner.execute(text(FILL), {"rare": RARE})
        await owner.execute(text("analyze audit_entry"))
    return database


async def plan_of(database: TestDatabase, wanted: EntryCriteria, paging: PageRequest) -> str:
    async with database.serving.begin(Scope(1)) as session:
        compiled = statement_of(wanted, paging).compile(
            dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
        )
        plan = await session.scalars(text(f"explain {compiled}".replace(":", "\\:")))
        return "\n".join(plan)


class TestPlans:
    @pytest.mark.parametrize(
        ("wanted", "index"),
        [
            (EntryCriteria(1), "tenant_id_created_at_id"),
            (EntryCriteria(1, since=SystemClock().now()), "created_at"),
            (EntryCriteria(1, action=Action.GRANT_GIVEN), "tenant_id_action_created_at_id"),
            (EntryCriteria(1, actor="rare"), "tenant_id_actor_created_at_id"),
            (EntryCriteria(1, actor=RARE), "tenant_id_actor_id_created_at_id"),
        ],
        ids=["all", "since", "action", "actor", "id"],
    )
    async def test_an_index_serves(
        self, full: TestDatabase, wanted: EntryCriteria, index: str
    ) -> None:
        plan = await plan_of(full, wanted, PageRequest())
        assert index in plan
        assert "Seq Scan" not in plan

    async def test_an_index_serves_the_pages_that_follow(self, full: TestDatabase) -> None:
        cursor = NEWEST_FIRST.encode((SystemClock().now(), "9000"))
        plan = await plan_of(full, EntryCriteria(1), PageRequest(cursor))
        assert "tenant_id_created_at_id" in plan
        assert "Sort" not in plan
