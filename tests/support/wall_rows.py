"""Bare rows behind the walls of several tenants, written with plain statements."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from muniment.kit.ids import new_id

_LIBRARY = (
    text(
        "insert into tenant (id, name) overriding system value"
        " values (:tenant, 'tenant-' || cast(:tenant as int))"
    ),
    text(
        "insert into account (id, tenant_id, issuer, subject)"
        " values (:account, :tenant, 'https://issuer', 'subject')"
    ),
    text(
        "insert into collection (id, tenant_id, name, created_by, revision)"
        " values (:collection, :tenant, 'papers', :account, 1)"
    ),
)
_DOCUMENT = text(
    "insert into document (id, tenant_id, collection_id, name, media_type, rule, rule_principals,"
    " created_by, bytes, revision) values (:id, :tenant, :collection, :name, 'text/plain',"
    " cast(:rule as jsonb), :principals, :creator, 1, 1)"
)


@dataclass(frozen=True)
class Library:
    """One tenant with one account and one collection that the account made."""

    tenant: int
    account: UUID
    collection: UUID

    @property
    def creator(self) -> str:
        return f"user:{self.account}"


async def add_library(owner: AsyncConnection, tenant: int) -> Library:
    """Add a tenant, an account and a collection without grants."""
    library = Library(tenant, new_id(), new_id())
    values = {"tenant": tenant, "account": library.account, "collection": library.collection}
    for statement in _LIBRARY:
        wanted = {name: values[name] for name in statement.compile().params}
        await owner.execute(statement, wanted)
    return library


async def add_document(
    session: AsyncConnection | AsyncSession,
    library: Library,
    *,
    principals: Sequence[str] | None = None,
) -> UUID:
    """Add a document; `principals` are those of its rule, None for no rule."""
    document = new_id()
    values = {
        "id": document,
        "tenant": library.tenant,
        "collection": library.collection,
        "name": "paper.txt",
        "rule": None if principals is None else json.dumps({"any_of": list(principals)}),
        "principals": None if principals is None else list(principals),
        "creator": library.account,
    }
    await session.execute(_DOCUMENT, values)
    return document


async def add_grant(
    session: AsyncConnection | AsyncSession, library: Library, principal: str, role: str = "reader"
) -> None:
    """Give a principal a role in the collection."""
    await session.execute(
        text(
            "insert into collection_grant (collection_id, principal, tenant_id, role)"
            " values (:collection, :principal, :tenant, :role)"
        ),
        {
            "collection": library.collection,
            "principal": principal,
            "tenant": library.tenant,
            "role": role,
        },
    )


async def acl_of(owner: AsyncConnection, document: UUID) -> list[str]:
    """Read the names that open a document by themselves, sorted."""
    found = await owner.execute(text("select acl from document where id = :id"), {"id": document})
    acl: list[str] = found.scalar_one()
    return sorted(name.partition(":")[2] for name in acl)
