"""What issuers call users, kept beside their rights.

Revision 2026_12_01_1750, after 2026_12_01_1740.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "2026_12_01_1750"
down_revision: str | None = "2026_12_01_1740"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the column, empty until the next tokens come; it goes with its row at an erasure."""
    op.add_column("account_rights", sa.Column("asserted_name", sa.Text(), nullable=True))


def downgrade() -> None:
    """Remove it; the next tokens say the names again."""
    op.drop_column("account_rights", "asserted_name")
