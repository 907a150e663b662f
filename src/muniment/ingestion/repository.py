"""What ingestion reads and writes of documents, as the worker role and for one tenant."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.library.models import Collection, Document, DocumentVersion, PendingOriginal


@dataclass(frozen=True, slots=True)
class VersionToIngest:
    """A version that is still wanted: the newest one of a document that is not deleted."""

    document_id: UUID
    number: int
    name: str
    media_type: str
    original_key: str
    language: str | None
    """That of the collection, where it has one."""


@dataclass(frozen=True, slots=True)
class ReadVersion:
    """What was read from the original and is kept with the version."""

    text: str
    title: str | None
    page_starts: tuple[int, ...]
    language: str
    pipeline: str


class IngestionRepository:
    """Documents and versions, seen from a job."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_wanted(self, document_id: UUID, number: int) -> VersionToIngest | None:
        """Give the version to read; None when a newer one or a deletion has overtaken it."""
        found = await self._session.execute(
            select(
                Document.id,
                DocumentVersion.number,
                Document.name,
                DocumentVersion.media_type,
                DocumentVersion.original_key,
                Collection.language,
            )
            .join(DocumentVersion, DocumentVersion.document_id == Document.id)
            .join(Collection, Collection.id == Document.collection_id)
            .where(Document.id == document_id, DocumentVersion.number == number)
            .where(Document.version == number, Document.deleted_at.is_(None))
        )
        row = found.one_or_none()
        return None if row is None else _version(row)

    async def show_progress(self, version: VersionToIngest, progress: float) -> None:
        """Say how far the work is; nothing when the version is not wanted any more."""
        await self._change(version, status="processing", progress=progress)

    async def hold(self, version: VersionToIngest) -> bool:
        """Keep the document as it is until the end of the transaction; False if overtaken."""
        found = await self._session.execute(
            select(Document.id)
            .where(Document.id == version.document_id, Document.version == version.number)
            .where(Document.deleted_at.is_(None))
            .with_for_update()
        )
        return found.one_or_none() is not None

    async def make_ready(self, version: VersionToIngest, read: ReadVersion, chunks: int) -> None:
        """Keep what was read, and let searches find this version from now on."""
        await self._session.execute(
            update(DocumentVersion)
            .where(DocumentVersion.document_id == version.document_id)
            .where(DocumentVersion.number == version.number)
            .values(
                text=read.text,
                title=read.title,
                page_starts=list(read.page_starts),
                language=read.language,
                pipeline=read.pipeline,
                ready_at=func.now(),
            )
        )
        await self._change(
            version,
            status="ready",
            progress=1.0,
            ready_version=version.number,
            chunks=chunks,
            error_code=None,
            error_detail=None,
        )

    async def make_failed(self, document_id: UUID, number: int, code: str, detail: str) -> None:
        """Say why a version cannot be read; an older one stays findable."""
        await self._session.execute(
            update(Document)
            .where(Document.id == document_id, Document.version == number)
            .values(status="failed", error_code=code, error_detail=detail, updated_at=func.now())
        )

    async def original_keys(self, document_id: UUID) -> list[str]:
        """Name the originals of all versions of a document."""
        found = await self._session.execute(
            select(DocumentVersion.original_key).where(DocumentVersion.document_id == document_id)
        )
        return list(found.scalars())

    async def remove_deleted(self, document_id: UUID) -> bool:
        """Remove the rows of a document that was deleted; False when it was not (or is gone)."""
        removed = await self._session.execute(
            delete(Document)
            .where(Document.id == document_id, Document.deleted_at.is_not(None))
            .returning(Document.id, Document.collection_id)
        )
        row = removed.one_or_none()
        if row is None:
            return False
        await self._remove_emptied_collection(row.collection_id)
        return True

    async def is_deleted(self, document_id: UUID) -> bool:
        """Tell whether a document is there and marked as deleted."""
        found = await self._session.execute(
            select(Document.id)
            .where(Document.id == document_id, Document.deleted_at.is_not(None))
            .with_for_update()
        )
        return found.one_or_none() is not None

    async def take_abandoned(self, tenant_id: int, grace: timedelta) -> list[str]:
        """Strike out the originals that have waited too long; name those that no version has.

        What a registration or another sweep holds just now is passed over.
        """
        expired = await self._session.scalars(
            select(PendingOriginal.key)
            .where(PendingOriginal.tenant_id == tenant_id, _waits_longer_than(grace))
            .with_for_update(skip_locked=True)
        )
        keys = set(expired)
        if not keys:
            return []
        await self._session.execute(delete(PendingOriginal).where(PendingOriginal.key.in_(keys)))
        # Asked after the rows are locked: nobody can register one of them any more, and one that
        # was registered in spite of its row would be somebody's document.
        registered = await self._session.scalars(
            select(DocumentVersion.original_key).where(DocumentVersion.original_key.in_(keys))
        )
        return sorted(keys.difference(registered))

    async def _remove_emptied_collection(self, collection_id: UUID) -> None:
        await self._session.execute(
            delete(Collection)
            .where(Collection.id == collection_id, Collection.deleted_at.is_not(None))
            .where(~exists().where(Document.collection_id == collection_id))
        )

    async def _change(self, version: VersionToIngest, **values: str | float | None) -> None:
        await self._session.execute(
            update(Document)
            .where(Document.id == version.document_id, Document.version == version.number)
            .where(Document.deleted_at.is_(None))
            .values(**values, updated_at=func.now())
        )


async def find_abandoning_tenants(session: AsyncSession, grace: timedelta) -> list[int]:
    """Name the tenants that have originals which have waited too long; bound to no tenant."""
    found = await session.scalars(
        select(PendingOriginal.tenant_id).where(_waits_longer_than(grace)).distinct()
    )
    return list(found)


def _waits_longer_than(grace: timedelta) -> ColumnElement[bool]:
    return PendingOriginal.stored_at < func.now() - grace


def _version(row: Row[UUID, int, str, str, str, str | None]) -> VersionToIngest:
    return VersionToIngest(*row)
