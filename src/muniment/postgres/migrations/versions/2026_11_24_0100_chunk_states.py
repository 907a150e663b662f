"""The states of the words of chunks, for late interaction.

Revision 2026_11_24_0100, after 2026_11_23_0110.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "2026_11_24_0100"
down_revision: str | None = "2026_11_23_0110"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table. What was ingested before has no states until it is ingested again."""
    op.create_table(
        "chunk_states",
        sa.Column("chunk_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("space", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("states", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chunk_id", "space", name=op.f("chunk_states_pkey")),
    )
    # Signs cannot be compressed, and trying costs time.
    op.execute("alter table chunk_states alter column states set storage external")


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("chunk_states")
