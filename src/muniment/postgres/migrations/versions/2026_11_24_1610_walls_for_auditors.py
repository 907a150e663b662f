"""What an auditor may know of a document that is closed to them: who may see it, not what it is.

Revision 2026_11_24_1610, after 2026_11_24_1600.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "2026_11_24_1610"
down_revision: str | None = "2026_11_24_1600"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Row-level security hides the row from who is not named in it. Neither name nor text is given, and
# nothing of another tenant.
DOCUMENT_WALLS = """
create function muniment_document_walls(p_document uuid)
returns table (collection_id uuid, created_by uuid, rule_principals text[], conditions jsonb,
    deleted boolean)
language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return query
    select d.collection_id, d.created_by, d.rule_principals, d.conditions, d.deleted_at is not null
    from document d
    where d.id = p_document
        and d.tenant_id = nullif(current_setting('muniment.tenant', true), '')::int;
end
$$
"""

# How much there is to be found, whoever may find it: in some collections, or in all of a tenant.
COUNT_DOCUMENTS = """
create function muniment_count_documents(p_collections uuid[])
returns table (documents bigint, chunks bigint)
language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return query
    select count(*), coalesce(sum(d.chunks), 0)::bigint from document d
    where d.tenant_id = nullif(current_setting('muniment.tenant', true), '')::int
        and d.deleted_at is null and d.ready_version is not null
        and (p_collections is null or d.collection_id = any (p_collections));
end
$$
"""

FUNCTIONS = {
    "muniment_document_walls(uuid)": DOCUMENT_WALLS,
    "muniment_count_documents(uuid[])": COUNT_DOCUMENTS,
}


def upgrade() -> None:
    """Make the functions."""
    for signature, definition in FUNCTIONS.items():
        op.execute(definition)
        op.execute(f"revoke all on function {signature} from public")


def downgrade() -> None:
    """Remove them."""
    for signature in FUNCTIONS:
        op.execute(f"drop function {signature}")
