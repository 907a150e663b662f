"""API keys: their hashes, the one read that lets a caller in, and their end with their owner.

Revision 2026_12_01_1640, after 2026_12_01_1620.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "2026_12_01_1640"
down_revision: str | None = "2026_12_01_1620"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What a request with a key asks before anybody is known: one key by its hash, never a list. Owner
# and rights come with it, so that there is no moment at which a key outlives them.
SIGN_IN = """
create function muniment_key_sign_in(p_hash bytea)
returns table (key_id uuid, scope text[], expires_at timestamptz, last_used_at timestamptz,
    revoked_at timestamptz, issuer text, subject text, tenant text, account jsonb, rights jsonb)
language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return query
    select k.id, k.scope, k.expires_at, k.last_used_at, k.revoked_at, a.issuer, a.subject, t.name,
        jsonb_build_object('account_id', a.id, 'tenant_id', a.tenant_id, 'status', a.status,
            'revision', a.revision, 'created_at', a.created_at, 'updated_at', a.updated_at,
            'profile', to_jsonb(p)),
        case when r.account_id is not null then jsonb_build_object('roles', r.roles,
            'groups', r.groups, 'attributes', r.attributes, 'verified_at', r.verified_at) end
    from api_key k
    join account a on a.id = k.account_id and a.tenant_id = k.tenant_id
    join tenant t on t.id = a.tenant_id
    left join profile p on p.account_id = a.id
    left join account_rights r on r.account_id = a.id
    where k.secret_hash = p_hash;
end
$$
"""
# An erased account keeps its row, so no foreign key takes its keys away.
FORGET = """
create function muniment_forget_keys() returns trigger language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from api_key where account_id = new.id;
    return null;
end
$$
"""
TRIGGER = """
create trigger keys_erased after update of status on account
for each row when (new.status = 'erased')
execute function muniment_forget_keys()
"""


def upgrade() -> None:
    """Make the table, the functions and the trigger."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scope", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expires_at > created_at", name=op.f("api_key_expires_at_check")),
        sa.CheckConstraint("cardinality(scope) > 0", name=op.f("api_key_scope_check")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("api_key_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("api_key_pkey")),
    )
    op.create_index("api_key_secret_hash_key", "api_key", ["secret_hash"], unique=True)
    op.create_index("api_key_account_id_id_idx", "api_key", ["account_id", "id"])
    op.execute(SIGN_IN)
    op.execute(FORGET)
    op.execute("revoke all on function muniment_key_sign_in(bytea) from public")
    op.execute("revoke all on function muniment_forget_keys() from public")
    op.execute(TRIGGER)


def downgrade() -> None:
    """Remove them: keys are refused from then on, and are not brought back by an upgrade."""
    op.execute("drop trigger keys_erased on account")
    op.execute("drop function muniment_forget_keys()")
    op.execute("drop function muniment_key_sign_in(bytea)")
    op.drop_table("api_key")
