"""Documents with a rule, written as the owner of the tables."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.service.access import apply_rule
from tests.support.wall_rows import Library


async def write_document(
    owner: AsyncConnection,
    library: Library,
    rule: AccessRule | None,
    *,
    creator: UUID | None = None,
    deleted: bool = False,
) -> UUID:
    document = Document(
        tenant_id=library.tenant,
        collection_id=library.collection,
        name="paper.txt",
        media_type="text/plain",
        created_by=creator or library.account,
        size=1,
    )
    apply_rule(document, rule)
    async with AsyncSession(
        owner, join_transaction_mode="create_savepoint", expire_on_commit=False
    ) as session:
        session.add(document)
        await session.commit()
        document_id = document.id
    if deleted:
        statement = text("update document set deleted_at = now() where id = :id")
        await owner.execute(statement, {"id": document_id})
    return document_id
