"""How far a document is and how fast it goes, in its row, so that every reader sees the same.

Revision 2026_11_24_1600, after 2026_11_24_1510.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "2026_11_24_1600"
down_revision: str | None = "2026_11_24_1510"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Progress is written into the page of the row, which no index has to follow, as long as there is
# room in the page.
ROOM = "alter table document set (fillfactor = 90)"
NO_ROOM = "alter table document reset (fillfactor)"


def upgrade() -> None:
    """Add the columns, and what finds the documents that wait, ended lately, or failed."""
    op.add_column("document", sa.Column("stage", sa.Text(), nullable=True))
    op.add_column("document", sa.Column("chunks_done", sa.Integer(), nullable=True))
    op.add_column("document", sa.Column("chunks_total", sa.Integer(), nullable=True))
    op.add_column("document", sa.Column("chunks_per_s", sa.Float(), nullable=True))
    op.add_column("document", sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("document", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("document_stage_check"),
        "document",
        "stage in ('parsing', 'cutting', 'embedding', 'indexing')",
    )
    op.create_index(
        "document_collection_id_ended_at_idx",
        "document",
        ["collection_id", "ended_at"],
        unique=False,
    )
    op.create_index(
        "document_failed_idx",
        "document",
        ["collection_id", "ended_at"],
        unique=False,
        postgresql_where=sa.text("error_code is not null"),
    )
    op.execute(ROOM)


def downgrade() -> None:
    """Remove them."""
    op.execute(NO_ROOM)
    op.drop_index("document_failed_idx", table_name="document")
    op.drop_index("document_collection_id_ended_at_idx", table_name="document")
    op.drop_constraint(op.f("document_stage_check"), "document", type_="check")
    for column in ("ended_at", "begun_at", "chunks_per_s", "chunks_total", "chunks_done", "stage"):
        op.drop_column("document", column)
