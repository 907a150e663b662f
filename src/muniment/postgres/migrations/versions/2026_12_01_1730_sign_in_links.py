"""Links that sign a local user in, once.

Revision 2026_12_01_1730, after 2026_12_01_1720.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "2026_12_01_1730"
down_revision: str | None = "2026_12_01_1720"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sign_in_link",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("sign_in_link_pkey")),
    )
    op.create_index("sign_in_link_expires_at_idx", "sign_in_link", ["expires_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("sign_in_link")
