"""Two tenants behind the same walls, with the same names in them."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from tests.support.database import TestDatabase
from tests.support.wall_rows import Library, add_document, add_grant, add_library

READER = frozenset({"group:/readers"})


@dataclass
class Town:
    """Two tenants with the same names in them, and one document each."""

    database: TestDatabase
    mine: Library
    theirs: Library
    my_document: UUID
    their_document: UUID


async def build_town(database: TestDatabase) -> Town:
    async with database.owner.begin() as owner:
        libraries = [await add_library(owner, tenant) for tenant in (1, 2)]
        documents = []
        for library in libraries:
            await add_grant(owner, library, "group:/readers")
            document = await add_document(owner, library)
            documents.append(document)
            values = {"document": document, "tenant": library.tenant, "account": library.account}
            await owner.execute(
                text(
                    "insert into document_version (document_id, number, tenant_id, media_type,"
                    " bytes, sha256, original_key, text, created_by) values"
                    " (:document, 1, :tenant, 'text/plain', 1, '', 'k', 'secret', :account)"
                ),
                values,
            )
            await owner.execute(
                text(
                    "insert into source (id, tenant_id, collection_id, document_id, url, host,"
                    " created_by, roles, groups, group_prefix, attributes, verified_at, revision)"
                    " select id, tenant_id, collection_id, id, 'http://a/', 'a', created_by, '{}',"
                    " '{}', '/', '{}', now(), 1 from document where id = :document"
                ),
                {"document": document},
            )
            del values["account"]
            await owner.execute(
                text(
                    "insert into chunk (document_id, tenant_id, version, ordinal, start_offset,"
                    " end_offset, text) values (:document, :tenant, 1, 0, 0, 6, 'secret')"
                ),
                values,
            )
            await owner.execute(
                text("insert into pending_original values ('key-' || :tenant, :number)"),
                {"tenant": str(library.tenant), "number": library.tenant},
            )
            await owner.execute(
                text("insert into tenant_usage values (:tenant, 1, 6)"), {"tenant": library.tenant}
            )
            values = {"account": library.account, "tenant": library.tenant}
            await owner.execute(
                text("insert into profile (account_id, tenant_id) values (:account, :tenant)"),
                values,
            )
            await owner.execute(
                text(
                    "insert into account_rights values"
                    " (:account, :tenant, '{}', '{}', '/', '{}', now())"
                ),
                values,
            )
            await owner.execute(
                text(
                    "insert into api_key (id, account_id, tenant_id, name, prefix, secret_hash,"
                    " scope, expires_at) values (:account, :account, :tenant, 'n', 'mun_',"
                    " uuid_send(:account), '{search:query}', 'infinity')"
                ),
                values,
            )
            await owner.execute(
                text(
                    "insert into web_session (id, id_hash, tenant_id, account_id, issuer, subject,"
                    " rights, verified_at, last_seen_at, idle_expires_at, absolute_expires_at)"
                    " values (:account, uuid_send(:account), :tenant, :account, 'i', 's', '{}',"
                    " now(), now(), 'infinity', 'infinity')"
                ),
                values,
            )
            await owner.execute(
                text(
                    "insert into idempotency_key (account_id, route, key, tenant_id, fingerprint,"
                    " locked_until) values (:account, 'r', 'k', :tenant, '', now())"
                ),
                values,
            )
    return Town(database, libraries[0], libraries[1], documents[0], documents[1])
