"""Functions and a trigger: the names that open a document, sign-in, erasure.

Revision 2026_11_23_0110, after 2026_11_23_0102. Sign-in and erasure run with the rights of the
owner, because they must see rows that the serving role may not; each looks at one tenant only.
Temporary tables come last in the search path, else a caller could put tables of their own in front.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "2026_11_23_0110"
down_revision: str | None = "2026_11_23_0102"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The names that open a document by themselves: its creator's and those of its rule. Each carries
# its tenant: `everyone` of one tenant is not that of another, for the index neither. The grants of
# the collection are not among them: the policy asks for those at each statement, so that a change
# of a grant changes no document and holds from its commit on.
SET_DOCUMENT_ACL = """
create function muniment_set_document_acl()
returns trigger language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
    new.acl := array(
        select distinct new.tenant_id || ':' || names.name
        from unnest(array_append(new.rule_principals, 'user:' || new.created_by)) names (name));
    return new;
end
$$
"""

# How a person who was erased is remembered. No issuer holds the bar.
SUBJECT_HASH = """
create function muniment_subject_hash(p_issuer text, p_subject text)
returns bytea language sql immutable set search_path = pg_catalog, public, pg_temp
as $$ select sha256(convert_to(p_issuer || '|' || p_subject, 'UTF8')) $$
"""

# What every request asks before a tenant is known: one row by its key, never a list. With it comes
# when the same person was erased, if that was lately: tokens from before are not for this account.
SIGN_IN = """
create function muniment_sign_in(p_issuer text, p_subject text, p_tenant text)
returns table (account_id uuid, tenant_id int, status text, revision int, created_at timestamptz,
    updated_at timestamptz, profile jsonb, erased_at timestamptz)
language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    return query
    select a.id, a.tenant_id, a.status, a.revision, a.created_at, a.updated_at, to_jsonb(p),
        e.erased_at
    from account a
    join tenant t on t.id = a.tenant_id
    left join profile p on p.account_id = a.id
    left join erased_subject e on e.tenant_id = a.tenant_id
        and e.subject_hash = muniment_subject_hash(a.issuer, a.subject)
    where a.issuer = p_issuer and a.subject = p_subject and t.name = p_tenant
        and a.status <> 'erased';
end
$$
"""

# Personal data goes; collections that nobody else owns pass to the tenant's admins. The lock on the
# collections is the one that whoever changes grants takes: of two owners who go at the same time,
# the second to come sees that the first is gone.
#
# Locks are taken in the order of everybody else: collections, by id, then documents. An upload that
# holds a collection is waited for before any document is touched. It may refer to the account
# meanwhile: no key of the account changes, since the index on issuer and subject is a partial one,
# and so the lock is not the one that references wait for. What is marked as deleted is left to its
# purge, which takes document before collection.
ERASE = """
create function muniment_erase_account(p_account uuid)
returns boolean language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    v_tenant int := nullif(current_setting('muniment.tenant', true), '')::int;
    v_names text[];
    v_keys text[];
begin
    select array['user:' || a.id, 'user:' || a.issuer || '|' || a.subject] into v_names
    from account a where a.id = p_account and a.tenant_id = v_tenant and a.status <> 'erased'
    for no key update;
    if v_names is null then
        return false;
    end if;
    v_keys := array(select v_tenant || ':' || name from unnest(v_names) names (name));
    perform 1 from collection where tenant_id = v_tenant and deleted_at is null and id in (
        select collection_id from collection_grant
        where tenant_id = v_tenant and principal = any (v_names)
        union all
        select collection_id from document
        where deleted_at is null and acl && v_keys and rule_principals && v_names)
    order by id for update;
    insert into collection_grant (collection_id, principal, tenant_id, role)
    select distinct g.collection_id, 'role:admin', v_tenant, 'owner'
    from collection_grant g
    join collection c on c.id = g.collection_id and c.deleted_at is null
    where g.tenant_id = v_tenant and g.principal = any (v_names) and g.role = 'owner'
      and not exists (
          select 1 from collection_grant o
          where o.collection_id = g.collection_id and o.role = 'owner'
            and not o.principal = any (v_names))
    on conflict (collection_id, principal) do update set role = 'owner';
    delete from collection_grant where tenant_id = v_tenant and principal = any (v_names);
    update document d set
        rule_principals = (
            select coalesce(array_agg(item), '{}') from unnest(d.rule_principals) rest (item)
            where not item = any (v_names)),
        rule = jsonb_set(d.rule, '{any_of}', (
            select coalesce(jsonb_agg(item), '[]')
            from jsonb_array_elements(d.rule -> 'any_of') rest (item)
            where not item #>> '{}' = any (v_names))),
        revision = d.revision + 1,
        updated_at = now()
    where d.tenant_id = v_tenant and d.deleted_at is null
      and d.acl && v_keys and d.rule_principals && v_names;
    delete from profile where account_id = p_account;
    delete from idempotency_key where account_id = p_account;
    -- By the clock and not by the transaction's begin: tokens may have been issued meanwhile.
    insert into erased_subject (tenant_id, subject_hash, erased_at)
    select v_tenant, muniment_subject_hash(a.issuer, a.subject), clock_timestamp()
    from account a where a.id = p_account
    on conflict (tenant_id, subject_hash) do update set erased_at = excluded.erased_at;
    update account set status = 'erased', issuer = 'erased', subject = p_account::text,
        revision = revision + 1, updated_at = now() where id = p_account;
    return true;
end
$$
"""

DOCUMENT_ACL = """
create trigger document_acl before insert or update of acl, rule_principals, created_by, tenant_id
on document for each row execute function muniment_set_document_acl()
"""

FUNCTIONS = (
    "muniment_set_document_acl()",
    "muniment_subject_hash(text, text)",
    "muniment_sign_in(text, text, text)",
    "muniment_erase_account(uuid)",
)


def upgrade() -> None:
    """Make the functions and the trigger, and bring the derived column up to date."""
    for definition in (SET_DOCUMENT_ACL, SUBJECT_HASH, SIGN_IN, ERASE):
        op.execute(definition)
    for function in FUNCTIONS:
        op.execute(f"revoke all on function {function} from public")
    op.execute(DOCUMENT_ACL)
    op.execute("update document set acl = acl")


def downgrade() -> None:
    """Remove the trigger and the functions."""
    op.execute("drop trigger document_acl on document")
    for function in reversed(FUNCTIONS):
        op.execute(f"drop function {function}")
