"""The rights of users as last verified, which go with their user.

Revision 2026_12_01_1610, after 2026_12_01_0500.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "2026_12_01_1610"
down_revision: str | None = "2026_12_01_0500"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# An erased account keeps its row, so no foreign key takes its groups and attributes away.
FORGET = """
create function muniment_forget_rights() returns trigger language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from account_rights where account_id = new.id;
    return null;
end
$$
"""
TRIGGER = """
create trigger rights_erased after update of status on account
for each row when (new.status = 'erased')
execute function muniment_forget_rights()
"""


def upgrade() -> None:
    """Make the table, empty until the next tokens come, and the trigger."""
    op.create_table(
        "account_rights",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("group_prefix", sa.Text(), nullable=False),
        sa.Column("attributes", postgresql.JSONB(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("account_rights_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("account_rights_pkey")),
    )
    op.execute(FORGET)
    op.execute("revoke all on function muniment_forget_rights() from public")
    op.execute(TRIGGER)


def downgrade() -> None:
    """Remove them; the next tokens say the rights again."""
    op.execute("drop trigger rights_erased on account")
    op.execute("drop function muniment_forget_rights()")
    op.drop_table("account_rights")
