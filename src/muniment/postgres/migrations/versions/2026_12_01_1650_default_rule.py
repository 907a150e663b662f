"""The access rule of documents that come to a collection without one.

Revision 2026_12_01_1650, after 2026_12_01_1640.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "2026_12_01_1650"
down_revision: str | None = "2026_12_01_1640"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the column; without a default, so no row is written."""
    op.add_column("collection", sa.Column("default_rule", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    """Remove it. Documents keep the rules that they were given; new ones come without."""
    op.drop_column("collection", "default_rule")
