"""Indexes for the ways in which the audit is searched: by action and by actor.

Revision 2026_12_01_1710, after 2026_12_01_1650.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "2026_12_01_1710"
down_revision: str | None = "2026_12_01_1650"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INDEXES = {
    "audit_entry_tenant_id_action_created_at_id_idx": "(tenant_id, action, created_at, id)",
    "audit_entry_tenant_id_actor_created_at_id_idx": "(tenant_id, actor, created_at, id)",
    "audit_entry_tenant_id_actor_id_created_at_id_idx": "(tenant_id, actor_id, created_at, id)",
}


def upgrade() -> None:
    """Make the indexes beside whoever writes entries."""
    with op.get_context().autocommit_block():
        # Whoever waits for the transactions of others holds nobody up.
        op.execute("set lock_timeout = 0")
        for name, definition in INDEXES.items():
            # A build that was cut off leaves an invalid index behind.
            op.execute(f"drop index concurrently if exists {name}")
            op.execute(f"create index concurrently {name} on audit_entry {definition}")
        op.execute("reset lock_timeout")


def downgrade() -> None:
    """Remove them."""
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        for name in INDEXES:
            op.execute(f"drop index concurrently if exists {name}")
        op.execute("reset lock_timeout")
