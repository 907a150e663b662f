"""Sources: addresses that documents come from and follow.

Revision 2026_11_24_1900, after 2026_11_24_1620.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import SchemaItem

revision: str = "2026_11_24_1900"
down_revision: str | None = "2026_11_24_1620"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What a token said about somebody is personal data, and goes when the account is erased.
FORGET = """
create function muniment_forget_rights_of_sources()
returns trigger language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    update source set roles = '{}', groups = '{}', attributes = '{}'
    where created_by = new.id;
    return null;
end
$$
"""
# The worker reads no accounts: of the owners of sources alone it learns who they are.
OWNER = """
create function muniment_source_owner(p_source uuid)
returns table (issuer text, subject text, status text, tenant text)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select a.issuer, a.subject, a.status, t.name
    from source s join account a on a.id = s.created_by join tenant t on t.id = a.tenant_id
    where s.id = p_source
$$
"""
# An answer about a source names its document only if that was there already. Both go together, so
# the answers that are kept of it (identity/idempotency.py) say 410 from the same commit on.
GONE = """
create function muniment_forget_answers_about_sources()
returns trigger language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    update idempotency_key k set status = 410, headers = null, body = null
    from source s
    where s.document_id = new.id and k.tenant_id = new.tenant_id and k.status is not null
      and position(convert_to(s.id::text, 'UTF8') in k.body) > 0;
    return null;
end
$$
"""
TRIGGERS = (
    """
create trigger account_erased after update of status on account
for each row when (new.status = 'erased')
execute function muniment_forget_rights_of_sources()
""",
    """
create trigger document_deleted after update of deleted_at on document
for each row when (new.deleted_at is not null and old.deleted_at is null)
execute function muniment_forget_answers_about_sources()
""",
)

FUNCTIONS = (
    "muniment_forget_rights_of_sources()",
    "muniment_forget_answers_about_sources()",
    "muniment_source_owner(uuid)",
)


def _columns() -> list[SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("refetch_every", sa.Interval(), nullable=True),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("validators_url", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("rule", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("metadata", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("group_prefix", sa.Text(), nullable=False),
        sa.Column("attributes", postgresql.JSONB(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
    ]


def _constraints() -> list[SchemaItem]:
    return [
        sa.CheckConstraint(
            "status in ('queued', 'ready', 'failing', 'stopped')",
            name=op.f("source_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("source_collection_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["account.id"],
            name=op.f("source_created_by_fkey"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["document.id"],
            name=op.f("source_document_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("source_tenant_id_fkey"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("source_pkey")),
    ]


def upgrade() -> None:
    """Make the table, and the triggers that forget."""
    op.create_table("source", *_columns(), *_constraints())
    op.create_index("source_collection_id_id_idx", "source", ["collection_id", "id"])
    op.create_index("source_document_id_idx", "source", ["document_id"])
    op.create_index("source_created_by_idx", "source", ["created_by"])
    op.create_index(
        "source_next_at_idx",
        "source",
        ["next_at"],
        postgresql_where=sa.text("next_at is not null"),
    )
    op.create_index(
        "source_queued_idx",
        "source",
        ["tenant_id", "host"],
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.execute(FORGET)
    op.execute(OWNER)
    op.execute(GONE)
    for function in FUNCTIONS:
        op.execute(f"revoke all on function {function} from public")
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """Remove the jobs that nobody knows then, the triggers and the table."""
    op.execute("delete from job where kind = 'fetch_source'")
    op.execute("drop trigger account_erased on account")
    op.execute("drop trigger document_deleted on document")
    for function in FUNCTIONS:
        op.execute(f"drop function {function}")
    op.drop_table("source")
