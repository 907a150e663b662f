"""${message}

Revision ${up_revision}, after ${down_revision | comma,n}.

Rules of a migration: it runs on a live table, so no rewrite and no long lock (add columns without
a volatile default, add constraints NOT VALID and validate them later, build indexes CONCURRENTLY
in an autocommit block with if_not_exists); what old code needs goes in a later release; `downgrade`
brings back what was there, with the rows. Row-level policies and grants stand in `app/walls.sql`.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    """Bring the schema forward."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Bring the schema back."""
    ${downgrades if downgrades else "pass"}
