"""How far a document is and how fast it goes, in its row, so that every reader sees the same.

Revision 2026_11_24_1600, after 2026_11_24_1510.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "2026_11_24_1600"
down_revision: str | None = "2026_11_24_1510"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

COLUMNS = {
    "stage": "text",
    "chunks_done": "integer",
    "chunks_total": "integer",
    "chunks_per_s": "double precision",
    "begun_at": "timestamptz",
    "ended_at": "timestamptz",
}
CHECK = """
alter table document drop constraint if exists document_stage_check,
add constraint document_stage_check
check (stage in ('parsing', 'cutting', 'embedding', 'indexing')) not valid
"""
VALIDATED = "alter table document validate constraint document_stage_check"

# Rows from before have no time at which they ended, whatever became of them: only the status tells
# those that wait.
INDEXES = {
    "document_unfinished_idx": "(collection_id, id) where status in ('queued', 'processing')",
    "document_collection_id_ended_at_idx": "(collection_id, ended_at)",
    "document_failed_idx": "(collection_id, ended_at) where error_code is not null",
}

# Progress is written into the page of the row, which no index has to follow, as long as there is
# room in the page.
ROOM = "alter table document set (fillfactor = 90)"
NO_ROOM = "alter table document reset (fillfactor)"


def upgrade() -> None:
    """Add the columns, and what finds the documents that wait, ended lately, or failed.

    What was cut off may run again: the first part is kept when the second one begins.
    """
    for column, kind in COLUMNS.items():
        op.execute(f"alter table document add column if not exists {column} {kind}")
    op.execute(CHECK)
    op.execute(ROOM)
    with op.get_context().autocommit_block():
        # Whoever waits for the transactions of others holds nobody up.
        op.execute("set lock_timeout = 0")
        op.execute(VALIDATED)
        for name, definition in INDEXES.items():
            # A build that was cut off leaves an invalid index behind.
            op.execute(f"drop index concurrently if exists {name}")
            op.execute(f"create index concurrently {name} on document {definition}")
        op.execute("reset lock_timeout")


def downgrade() -> None:
    """Remove them."""
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        for name in INDEXES:
            op.execute(f"drop index concurrently if exists {name}")
        op.execute("reset lock_timeout")
    op.execute(NO_ROOM)
    op.execute("alter table document drop constraint if exists document_stage_check")
    for column in reversed(COLUMNS):
        op.execute(f"alter table document drop column if exists {column}")
