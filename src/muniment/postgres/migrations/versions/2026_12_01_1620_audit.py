"""The trail of acts and denials, and the two functions that write what a caller may not.

Revision 2026_12_01_1620, after 2026_12_01_1610.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "2026_12_01_1620"
down_revision: str | None = "2026_12_01_1610"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The one way to change an entry, and it changes the count alone. Entries of several tenants come in
# one call, sorted, so that two processes never wait for each other crosswise.
FOLD = """
create function muniment_audit_fold(p_notes jsonb) returns void language sql
security definer set search_path = pg_catalog, public, pg_temp as $$
    insert into audit_entry as e (tenant_id, actor_id, actor, action, outcome, details, request_id,
        address, count, fold)
    select tenant_id, actor_id, actor, action, outcome, details, request_id, address, count,
        decode(fold, 'hex')
    from jsonb_to_recordset(p_notes) as note (tenant_id int, actor_id uuid, actor text, action text,
        outcome text, details jsonb, request_id text, address inet, count int, fold text)
    where fold is not null
    order by fold
    on conflict (fold) where fold is not null
    do update set count = least(e.count::bigint + excluded.count, 2147483647)::int
$$
"""

# An issuer says who has logged out, not in which tenant: the accounts of all tenants are asked.
LOGOUT = """
create function muniment_audit_logout(p_issuer text, p_subject text, p_actor text,
    p_request_id text, p_address inet) returns void language sql
security definer set search_path = pg_catalog, public, pg_temp as $$
    insert into audit_entry (tenant_id, actor_id, actor, action, outcome, request_id, address)
    select a.tenant_id, a.id, p_actor, 'logout', 'done', p_request_id, p_address
    from (select) as one left join account a
        on a.issuer = p_issuer and a.subject = p_subject and a.status <> 'erased'
$$
"""
FUNCTIONS = {
    "muniment_audit_fold(jsonb)": FOLD,
    "muniment_audit_logout(text, text, text, text, inet)": LOGOUT,
}


def upgrade() -> None:
    """Make the table and the functions."""
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.clock_timestamp(),
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Integer(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=True),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("address", postgresql.INET(), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("fold", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "outcome in ('done', 'denied', 'failed')", name=op.f("audit_entry_outcome_check")
        ),
        sa.CheckConstraint("count > 0", name=op.f("audit_entry_count_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_entry_pkey")),
    )
    op.create_index(
        "audit_entry_tenant_id_created_at_id_idx", "audit_entry", ["tenant_id", "created_at", "id"]
    )
    op.create_index("audit_entry_created_at_idx", "audit_entry", ["created_at"])
    op.create_index(
        "audit_entry_fold_key",
        "audit_entry",
        ["fold"],
        unique=True,
        postgresql_where=sa.text("fold is not null"),
    )
    for signature, body in FUNCTIONS.items():
        op.execute(body)
        op.execute(f"revoke all on function {signature} from public")


def downgrade() -> None:
    """Remove them, and with the table what it says."""
    for signature in FUNCTIONS:
        op.execute(f"drop function {signature}")
    op.drop_table("audit_entry")
