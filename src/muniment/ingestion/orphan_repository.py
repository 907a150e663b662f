"""What a scan for orphans asks and writes, as the worker role."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.models import Tenant
from muniment.library.models import ORIGINAL_MISSING, Document, DocumentVersion

MISSING: Final = (ORIGINAL_MISSING, "The stored file is gone: upload it again.")
"""Code and sentence of a document whose bytes are not where its row says."""

_VERSIONS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version and the key under which its bytes should be."""

    tenant_id: int
    document_id: UUID
    number: int
    key: str


class OrphanRepository:
    """Reads versions within the tenant of the transaction; keys and the index for all tenants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def stray_keys(self, keys: list[str]) -> list[str]:
        """Give those of the keys that no version, upload or waiting removal speaks of."""
        found = await self._session.scalars(
            text("select * from muniment_stray_keys(:keys)"), {"keys": keys}
        )
        return list(found)

    async def index_rows(self, *, remove: bool) -> int:
        """Count the rows of the index whose chunk is gone, or remove them."""
        found = await self._session.scalar(
            text("select muniment_index_orphans(:remove)"), {"remove": remove}
        )
        return int(found or 0)

    async def list_versions(self, after: tuple[UUID, int]) -> list[StoredVersion]:
        """List the next versions of documents that are not deleted."""
        place = tuple_(DocumentVersion.document_id, DocumentVersion.number)
        found = await self._session.execute(
            select(
                DocumentVersion.tenant_id,
                DocumentVersion.document_id,
                DocumentVersion.number,
                DocumentVersion.original_key,
            )
            .join(Document, Document.id == DocumentVersion.document_id)
            .where(Document.deleted_at.is_(None), place > tuple_(*after))
            .order_by(DocumentVersion.document_id, DocumentVersion.number)
            .limit(_VERSIONS_AT_ONCE)
        )
        return [StoredVersion(*row) for row in found]

    async def mark_missing(self, version: StoredVersion) -> None:
        """Say in a document's row that its newest file is gone; what was read stays findable.

        Only of one that nobody works on: a worker that reads it will find out by itself.
        """
        code, detail = MISSING
        await self._session.execute(
            update(Document)
            .where(Document.id == version.document_id, Document.version == version.number)
            .where(Document.status == "ready", Document.deleted_at.is_(None))
            .values(
                status="failed",
                error_code=code,
                error_detail=detail,
                ended_at=func.now(),
                updated_at=func.now(),
            )
        )


async def list_tenants(session: AsyncSession) -> list[int]:
    """Name all tenants."""
    return list(await session.scalars(select(Tenant.id).order_by(Tenant.id)))
