"""The log of revocations, and who is disabled or erased in it.

Revision 2026_12_01_0500, after 2026_11_24_1900.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "2026_12_01_0500"
down_revision: str | None = "2026_11_24_1900"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Written where the status changes, so that no way of changing it can forget the streams that are
# open. Requests need no entry: they read the status each time.
ACCOUNT = """
create function muniment_account_revoked() returns trigger language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into revocation (kind, name, cutoff) values ('account', old.id, clock_timestamp());
    perform pg_notify('muniment_revocation', '');
    return null;
end
$$
"""
TRIGGER = """
create trigger account_revoked after update of status on account
for each row when (old.status = 'active' and new.status <> 'active')
execute function muniment_account_revoked()
"""


def upgrade() -> None:
    """Make the table and the trigger."""
    kinds = "('session', 'subject', 'issuer', 'account', 'key', 'web_session')"
    op.create_table(
        "revocation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_id", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.CheckConstraint(f"kind in {kinds}", name=op.f("revocation_kind_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("revocation_pkey")),
    )
    op.create_index("revocation_kind_issuer_name_idx", "revocation", ["kind", "issuer", "name"])
    op.create_index("revocation_created_at_idx", "revocation", ["created_at"])
    op.create_index(
        "revocation_issuer_token_id_key",
        "revocation",
        ["issuer", "token_id"],
        unique=True,
        postgresql_where=sa.text("token_id is not null"),
    )
    op.execute(ACCOUNT)
    op.execute("revoke all on function muniment_account_revoked() from public")
    op.execute(TRIGGER)


def downgrade() -> None:
    """Remove them."""
    op.execute("drop trigger account_revoked on account")
    op.execute("drop function muniment_account_revoked()")
    op.drop_table("revocation")
