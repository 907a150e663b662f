"""What a scan for orphans asks and writes, as the worker role."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.models import Tenant
from muniment.library.models import ORIGINAL_MISSING, Document, DocumentVersion

MISSING: Final = (ORIGINAL_MISSING, "The stored file is gone: upload it again.")
"""Code and sentence of a document whose bytes are not where its row says."""

_VERSIONS_AT_ONCE: Final = 1000
_LOCK_CLASS: Final = 0x6F727068
"""The first half of the advisory lock's key, so that it meets nobody else's."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version and the key under which its bytes should be."""

    tenant_id: int
    document_id: UUID
    number: int
    key: str
    is_told_missing: bool = False
    """Whether searches find it, and its document says that the file is gone."""


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

    async def list_versions(self, tenant_id: int, after: tuple[UUID, int]) -> list[StoredVersion]:
        """List the next newest versions of documents that are not deleted.

        Older ones are no business of a scan: no upload gives their files back, so it would tell of
        them for ever. Who asks for one is told that it is gone.
        """
        found = await self._session.execute(next_versions(tenant_id, after))
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

    async def mark_returned(self, version: StoredVersion) -> None:
        """Take back that a file is gone; the version is the one that searches find already."""
        await self._session.execute(
            update(Document)
            .where(Document.id == version.document_id, Document.version == version.number)
            .where(Document.deleted_at.is_(None), _is_told_missing())
            .values(
                status="ready",
                progress=1.0,
                error_code=None,
                error_detail=None,
                updated_at=func.now(),
            )
        )


def next_versions(tenant_id: int, after: tuple[UUID, int]) -> Select[int, UUID, int, str, bool]:
    """Select what is listed after a version, by the index that begins with the tenant."""
    place = tuple_(DocumentVersion.document_id, DocumentVersion.number)
    return (
        select(
            DocumentVersion.tenant_id,
            DocumentVersion.document_id,
            DocumentVersion.number,
            DocumentVersion.original_key,
            func.coalesce(_is_told_missing(), false()),
        )
        .join(Document, Document.id == DocumentVersion.document_id)
        .where(DocumentVersion.tenant_id == tenant_id, place > tuple_(*after))
        .where(Document.deleted_at.is_(None), Document.version == DocumentVersion.number)
        .order_by(DocumentVersion.document_id, DocumentVersion.number)
        .limit(_VERSIONS_AT_ONCE)
    )


def _is_told_missing() -> ColumnElement[bool]:
    return and_(
        Document.status == "failed",
        Document.error_code == ORIGINAL_MISSING,
        Document.ready_version == Document.version,
    )


async def hold_scan(session: AsyncSession) -> bool:
    """Be the only one that scans, until the transaction ends; False where another one does."""
    await session.execute(text("set local idle_in_transaction_session_timeout = 0"))
    return bool(
        await session.scalar(
            text("select pg_try_advisory_xact_lock(:kind, 0)"), {"kind": _LOCK_CLASS}
        )
    )


async def list_tenants(session: AsyncSession) -> list[int]:
    """Name all tenants."""
    return list(await session.scalars(select(Tenant.id).order_by(Tenant.id)))
