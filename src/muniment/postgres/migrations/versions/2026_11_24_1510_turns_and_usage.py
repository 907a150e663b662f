"""Whose job it is, so that users take turns; how much a tenant keeps, so that it can be limited.

Revision 2026_11_24_1510, after 2026_11_24_1500.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "2026_11_24_1510"
down_revision: str | None = "2026_11_24_1500"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOBODY = "00000000-0000-0000-0000-000000000000"

# What is not deleted counts, with all of its versions: that is what the tenant can find and remove.
COUNT = """
insert into tenant_usage (tenant_id, documents, bytes)
select d.tenant_id, count(distinct d.id), sum(v.bytes)
from document d join document_version v on v.document_id = d.id
where d.deleted_at is null group by d.tenant_id
"""


def upgrade() -> None:
    """Add the column and the table, and count what is there."""
    op.add_column(
        "job",
        sa.Column("user_id", sa.Uuid(), server_default=NOBODY, nullable=False),
    )
    _replace_index("tenant_id", "user_id", "run_at", "id")
    op.create_table(
        "tenant_usage",
        sa.Column("tenant_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("documents", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenant.id"],
            name=op.f("tenant_usage_tenant_id_fkey"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("tenant_usage_pkey")),
    )
    op.execute(COUNT)


def downgrade() -> None:
    """Remove the table and the column."""
    op.drop_table("tenant_usage")
    _replace_index("tenant_id", "run_at", "id")
    op.drop_column("job", "user_id")


def _replace_index(*columns: str) -> None:
    op.drop_index("job_waiting_idx", table_name="job")
    op.create_index(
        "job_waiting_idx",
        "job",
        list(columns),
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
