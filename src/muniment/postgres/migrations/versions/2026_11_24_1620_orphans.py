"""What finds files that no row speaks of, and rows of the index whose chunk is gone.

Revision 2026_11_24_1620, after 2026_11_24_1610.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "2026_11_24_1620"
down_revision: str | None = "2026_11_24_1610"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Asked for the files of all tenants at once, which no policy of the worker allows: a key that is
# hidden would be taken for nobody's. Three places may speak of a key; one snapshot for all of them.
STRAY_KEYS = """
create function muniment_stray_keys(p_keys text[])
returns setof text language sql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
    select k.key from unnest(p_keys) as k (key)
    where not exists (select from document_version v where v.original_key = k.key)
        and not exists (select from pending_original p where p.key = k.key)
        and not exists (select from job j where j.kind = 'purge_original' and j.key = k.key)
$$
"""

# The index has no foreign keys to chunks (they would cost more than all else at the switch), but is
# written and removed in the same transactions: what has no chunk in one snapshot never will.
INDEX_ORPHANS = """
create function muniment_index_orphans(p_remove boolean)
returns bigint language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_rows bigint := 0;
    v_some bigint;
    v_table text;
begin
    foreach v_table in array array['chunk_vector', 'chunk_lex', 'chunk_states'] loop
        if p_remove then
            execute format('delete from %I i where not exists'
                ' (select from chunk c where c.id = i.chunk_id)', v_table);
            get diagnostics v_some = row_count;
        else
            execute format('select count(*) from %I i where not exists'
                ' (select from chunk c where c.id = i.chunk_id)', v_table) into v_some;
        end if;
        v_rows := v_rows + v_some;
    end loop;
    return v_rows;
end
$$
"""

INDEXES = {
    "document_version_original_key_idx": "(original_key)",
    "document_version_tenant_id_document_id_number_idx": "(tenant_id, document_id, number)",
}

FUNCTIONS = {
    "muniment_stray_keys(text[])": STRAY_KEYS,
    "muniment_index_orphans(boolean)": INDEX_ORPHANS,
}


def upgrade() -> None:
    """Make the indexes of keys and of the versions of a tenant, and the functions.

    What was cut off may run again: the indexes are kept when the functions come.
    """
    with op.get_context().autocommit_block():
        # Whoever waits for the transactions of others holds nobody up.
        op.execute("set lock_timeout = 0")
        for name, definition in INDEXES.items():
            # A build that was cut off leaves an invalid index behind.
            op.execute(f"drop index concurrently if exists {name}")
            op.execute(f"create index concurrently {name} on document_version {definition}")
        op.execute("reset lock_timeout")
    for signature, definition in FUNCTIONS.items():
        op.execute(definition)
        op.execute(f"revoke all on function {signature} from public")


def downgrade() -> None:
    """Remove them."""
    for signature in FUNCTIONS:
        op.execute(f"drop function if exists {signature}")
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        for name in INDEXES:
            op.execute(f"drop index concurrently if exists {name}")
        op.execute("reset lock_timeout")
