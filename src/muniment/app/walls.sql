-- The walls: who may touch which table, and which rows of it. One page, for an auditor to read.
--
-- Applied by `muniment migrate` after the migrations, whenever this page or a role's name changes
-- (postgres/walls.py). {serving} answers requests, {worker} runs jobs; neither owns a table, is a
-- superuser or may bypass row-level security. The owner migrates and is not bound by the policies.
--
-- {tenant} and {principals} are settings of the running transaction (postgres/unit_of_work.py), {keys}
-- the principals as they stand in document.acl: each with its tenant before it (postgres/walls.py).
-- Each is a sub-select without a reference to the row, which is evaluated once for a statement.
--
-- The overlap of principals stands inside the policy on purpose: there the index on document.acl
-- serves it, in a query it may not, because && is not leakproof.
--
-- Without row-level security, by design: tenant and embedding_space (names only), job (claimed for
-- all tenants; holds ids only), chunk_vector, chunk_lex, chunk_states (ids and numbers without text; reached
-- through documents that the caller may see), lex_term, lex_total (counts; reached through
-- collections that the caller holds a grant in), revocation (names of sessions and users at their
-- issuers, for a day), sign_in_attempt (hashes, and where to go on), sign_in_link (hashes, and who
-- of this machine), alembic_version.

grant usage on schema public to {serving}, {worker};
grant select on alembic_version, tenant, embedding_space to {serving}, {worker};
grant insert on tenant to {serving};

-- Accounts and profiles. The read before a tenant is known is one function that gives one row.
alter table account enable row level security;
grant select, insert, update on account to {serving};
create policy tenant on account to {serving} using (tenant_id = {tenant});
grant execute on function muniment_sign_in(text, text, text) to {serving};
grant execute on function muniment_erase_account(uuid) to {serving};
grant execute on function muniment_source_owner(uuid) to {worker};

-- Who was erased, as hashes: read and written within the two functions. The worker removes the old.
alter table erased_subject enable row level security;
grant select, delete on erased_subject to {worker};
create policy job on erased_subject to {worker} using (true);

alter table profile enable row level security;
grant select, insert, update on profile to {serving};
create policy tenant on profile to {serving} using (tenant_id = {tenant})
    with check (tenant_id = {tenant} and exists (select from account a where a.id = account_id));

-- What issuers last said about users: the names by which they hold rights, and what they are called.
-- Written with each new token, read where a key lets its owner in, and where colleagues of the same
-- tenant look for somebody to share with, who are shown names alone (directory/repository.py).
alter table account_rights enable row level security;
grant select, insert, update on account_rights to {serving};
create policy tenant on account_rights to {serving} using (tenant_id = {tenant})
    with check (tenant_id = {tenant} and exists (select from account a where a.id = account_id));

-- API keys, of which hashes are kept: for their owner, who may not change what a key is. The read before
-- a caller is known is one function that gives one key with its owner, by the hash. The worker removes
-- those that ended long ago, and sees no more of them than when.
alter table api_key enable row level security;
grant select, insert, update (last_used_at, revoked_at) on api_key to {serving};
grant select (id, expires_at, revoked_at), delete on api_key to {worker};
create policy of_owner on api_key to {serving}
    using (tenant_id = {tenant} and 'user:' || account_id = any ({principals}))
    with check (tenant_id = {tenant} and 'user:' || account_id = any ({principals})
        and exists (select from account a where a.id = account_id));
create policy job on api_key to {worker} using (true);
grant execute on function muniment_key_sign_in(bytea) to {serving};

alter table idempotency_key enable row level security;
grant select, insert, update, delete on idempotency_key to {serving};
grant select, delete on idempotency_key to {worker};
create policy tenant on idempotency_key to {serving} using (tenant_id = {tenant})
    with check (tenant_id = {tenant} and exists (select from account a where a.id = account_id));
create policy job on idempotency_key to {worker} using (true);

-- What was taken back, without a tenant: every process reads all of it. Only added to; the worker
-- removes what speaks of nothing alive. A trigger adds who is disabled or erased.
grant select, insert on revocation to {serving};
grant select, delete on revocation to {worker};

-- The trail of acts and denials. Only added to: what an entry says of its moment, number and count no
-- writer can set, and repeated ones are counted by a function. Without a tenant stands what is nobody's
-- matter yet, such as a token that was refused; it is seen without a tenant alone, by who operates the
-- machine. The worker adds what it does in a user's name, and removes the old.
alter table audit_entry enable row level security;
grant select, insert (tenant_id, actor_id, actor, action, outcome, object_kind, object_id, details,
    request_id, address) on audit_entry to {serving};
grant select, delete, insert (tenant_id, actor_id, actor, action, outcome, object_kind, object_id,
    details, request_id, address) on audit_entry to {worker};
create policy tenant on audit_entry to {serving}
    using (tenant_id = {tenant} or tenant_id is null and {tenant} is null);
create policy job on audit_entry to {worker} using (true);
grant execute on function muniment_audit_fold(jsonb) to {serving};
grant execute on function muniment_audit_logout(text, text, text, text, inet) to {serving};

-- Browser sessions: to the user whose they are, and to nobody else. The read by the hash of a cookie,
-- before the user is known, is one function that gives one row; another ends those that an issuer
-- names. Sign-ins under way are nobody's yet: found by the hash of a secret, and gone with the first
-- use. The worker removes what has ended.
alter table web_session enable row level security;
grant select, insert, update on web_session to {serving};
grant select, delete on web_session to {worker};
create policy own on web_session to {serving}
    using (tenant_id = {tenant} and 'user:' || account_id = any ({principals}))
    with check (tenant_id = {tenant} and 'user:' || account_id = any ({principals})
        and exists (select from account a where a.id = account_id));
create policy job on web_session to {worker} using (true);
grant execute on function muniment_web_session(bytea) to {serving};
grant execute on function muniment_end_sessions(text, text, text, timestamptz) to {serving};
grant select, insert, delete on sign_in_attempt, sign_in_link to {serving};
grant select, delete on sign_in_attempt, sign_in_link to {worker};

-- Collections and grants: the tenant here, the grants in library/policy.py, since an admin manages
-- the grants of collections whose documents no admin may read. What refers to a collection asks for
-- it through the collection's own policy, since foreign keys look behind the walls.
alter table collection enable row level security;
grant select, insert, update, delete on collection to {serving};
grant select, update (updated_at), delete on collection to {worker};
create policy tenant on collection to {serving} using (tenant_id = {tenant});
create policy job on collection to {worker} using (tenant_id = {tenant});

alter table collection_grant enable row level security;
grant select, insert, update (role), delete on collection_grant to {serving};
grant select on collection_grant to {worker};
create policy tenant on collection_grant to {serving} using (tenant_id = {tenant})
    with check (tenant_id = {tenant} and exists (select from collection c where c.id = collection_id));
create policy job on collection_grant to {worker} using (tenant_id = {tenant});

-- Documents: to those whom they name themselves (creator and rule: document.acl), to the owners of
-- their collection, and where no rule names anybody to whoever holds a grant. The grants are looked
-- up as they are when the statement begins, once for all of its rows; each of the three parts has an
-- index that serves it. What may be read may be written, into a collection of the tenant.
alter table document enable row level security;
grant select, insert, update on document to {serving};
grant select, insert, update, delete on document to {worker};
create policy effective_principals on document to {serving}
    using (tenant_id = {tenant} and (
        acl && {keys}
        or collection_id = any (array(
            select g.collection_id from collection_grant g
            where g.principal = any ({principals}) and g.role = 'owner'))
        or rule_principals is null and collection_id = any (array(
            select g.collection_id from collection_grant g
            where g.principal = any ({principals}) and g.role <> 'owner'))));
create policy in_collection on document as restrictive to {serving}
    using (true) with check (exists (select from collection c where c.id = collection_id));
create policy job on document to {worker} using (tenant_id = {tenant});

-- For auditors: who may see a document of the tenant, without its name or a word of it, and how many
-- documents there are, from which a search takes those that its caller may see.
grant execute on function muniment_document_walls(uuid) to {serving};
grant execute on function muniment_count_documents(uuid[]) to {serving};

-- Whatever holds text asks the document again, and through the document's own policy.
alter table document_version enable row level security;
grant select, insert on document_version to {serving};
grant select, insert, update, delete on document_version to {worker};
create policy of_document on document_version to {serving}
    using (tenant_id = {tenant} and exists (select from document d where d.id = document_id))
    with check (tenant_id = {tenant} and exists (select from document d where d.id = document_id));
create policy job on document_version to {worker} using (tenant_id = {tenant});

alter table chunk enable row level security;
grant select on chunk to {serving};
grant select, insert, delete on chunk to {worker};
create policy of_document on chunk to {serving}
    using (tenant_id = {tenant} and exists (select from document d where d.id = document_id));
create policy job on chunk to {worker} using (tenant_id = {tenant});

-- Originals on their way in. Walled although a key is no text: removing another tenant's row would
-- make its upload fail. The worker sees all tenants', to find the forgotten ones, but asks for the
-- versions that may name a key within the tenant of the row. It locks rows, which is an update.
alter table pending_original enable row level security;
grant select, insert, delete on pending_original to {serving};
grant select, insert, update, delete on pending_original to {worker};
create policy tenant on pending_original to {serving} using (tenant_id = {tenant});
create policy job on pending_original to {worker} using (true);

-- How much each tenant keeps: counted by what adds and deletes, in the same transaction.
alter table tenant_usage enable row level security;
grant select, insert, update on tenant_usage to {serving}, {worker};
create policy tenant on tenant_usage to {serving} using (tenant_id = {tenant});
create policy job on tenant_usage to {worker} using (tenant_id = {tenant});

-- Sources: an address tells of its document, so it is shown with it. Before there is one, to whom it
-- is fetched for, and where no rule waits for the document to the editors of the collection; who may
-- edit which is asked in sources/policy.py. The worker looks in all tenants for what is due. What it fetches it registers
-- itself, in the name of the source's owner; one function tells who that is and whether they are active.
alter table source enable row level security;
grant select, insert, update, delete on source to {serving};
grant select, update on source to {worker};
create policy of_document on source to {serving}
    using (tenant_id = {tenant} and case when document_id is null then
        'user:' || created_by = any ({principals})
        or rule is null and collection_id = any (array(
            select g.collection_id from collection_grant g
            where g.principal = any ({principals}) and g.role in ('editor', 'owner')))
        else exists (select from document d where d.id = document_id) end)
    with check (tenant_id = {tenant} and exists (select from collection c where c.id = collection_id)
        and (document_id is null or exists (select from document d where d.id = document_id)));
create policy job on source to {worker} using (true);

-- The index: numbers without text.
grant select on chunk_vector, chunk_lex, chunk_states, lex_term, lex_total to {serving};
grant select, insert, delete on chunk_vector, chunk_lex, chunk_states to {worker};
grant select, insert, update, delete on lex_term, lex_total to {worker};

-- Packed postings and what waits for them: ids and numbers of a whole tenant without text. Which of
-- them a caller may see is asked of the documents, chunk by chunk (index/word_search.py). The worker
-- looks in all tenants for what waits.
alter table lex_block enable row level security;
grant select on lex_block to {serving};
grant select, insert, update, delete on lex_block to {worker};
create policy tenant on lex_block to {serving} using (tenant_id = {tenant});
create policy job on lex_block to {worker} using (tenant_id = {tenant});

alter table lex_tail enable row level security;
grant select on lex_tail to {serving};
grant select, insert, delete on lex_tail to {worker};
create policy tenant on lex_tail to {serving} using (tenant_id = {tenant});
create policy job on lex_tail to {worker} using (true);

alter table lex_fold enable row level security;
grant select on lex_fold to {serving};
grant select, insert, update on lex_fold to {worker};
create policy tenant on lex_fold to {serving} using (tenant_id = {tenant});
create policy job on lex_fold to {worker} using (true);

-- For the scan for orphans, which may not take what a policy hides for something that is not there:
-- which of some keys no row of any tenant speaks of, and rows of the index whose chunk is gone.
grant execute on function muniment_stray_keys(text[]), muniment_index_orphans(boolean) to {worker};

-- Jobs: a request adds them in its own transaction; workers claim and end them.
grant select, insert on job to {serving};
grant select, insert, update, delete on job to {worker};
