"""What ingestion reads and writes of documents, as the worker role and for one tenant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Function, Update, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from muniment.index.repository import HeldDocument
from muniment.library.models import Collection, Document, DocumentVersion, PendingOriginal
from muniment.library.repository.documents import emptying_lock
from muniment.library.repository.progress import UNFINISHED
from muniment.ports.jobs import ClaimedJob
from muniment.postgres.jobs import Job


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


@dataclass(frozen=True, slots=True)
class StageOfWork:
    """How far a version is: what is done with it, and how much of it is embedded."""

    name: Literal["parsing", "cutting", "embedding", "indexing"]
    progress: float
    """Of the whole work, of 1."""
    chunks_done: int | None = None
    chunks_total: int | None = None
    chunks_per_s: float | None = None


class IngestionRepository:
    """Documents and versions, seen from a job."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, job: ClaimedJob, stage: StageOfWork) -> VersionToIngest | None:
        """Show that the work begins, and give the version to read.

        None when a newer one or a deletion has overtaken it, or when another worker has ended it
        or has taken the job over.
        """
        _, number = target_of(job)
        found = await (await self._connection()).execute(
            _stage(job, stage)
            .values(begun_at=func.now(), ended_at=None)
            .where(DocumentVersion.document_id == Document.id, DocumentVersion.number == number)
            .where(Collection.id == Document.collection_id)
            .returning(
                Document.id,
                DocumentVersion.number,
                Document.name,
                DocumentVersion.media_type,
                DocumentVersion.original_key,
                Collection.language,
            )
        )
        row = found.one_or_none()
        return None if row is None else VersionToIngest(*row)

    async def show_stage(self, job: ClaimedJob, stage: StageOfWork) -> None:
        """Say how far the work is; nothing when it is somebody else's, or not wanted any more."""
        await (await self._connection()).execute(_stage(job, stage))

    async def hold(self, document_id: UUID, number: int) -> HeldDocument | None:
        """Keep the document as it is until the end of the transaction; None if overtaken."""
        return await self._hold(
            Document.id == document_id, Document.version == number, Document.deleted_at.is_(None)
        )

    async def hold_deleted(self, document_id: UUID) -> HeldDocument | None:
        """Keep a document that is marked as deleted; None when it is not, or is gone."""
        return await self._hold(Document.id == document_id, Document.deleted_at.is_not(None))

    async def hold_any(self, document_id: UUID) -> HeldDocument | None:
        """Keep a document whatever its state; None when it is gone."""
        return await self._hold(Document.id == document_id)

    async def mark_counted(self, document: HeldDocument) -> None:
        """Write down that the words of a held document are counted, or are not any more."""
        await (await self._connection()).execute(
            update(Document)
            .where(Document.id == document.document_id)
            .values(words_counted=document.is_open)
        )

    async def make_ready(self, document: HeldDocument, read: ReadVersion, chunks: int) -> None:
        """Keep what was read, and let searches find this version from now on."""
        await (await self._connection()).execute(
            update(DocumentVersion)
            .where(DocumentVersion.document_id == document.document_id)
            .where(DocumentVersion.number == document.version)
            .values(
                text=read.text,
                title=read.title,
                page_starts=list(read.page_starts),
                language=read.language,
                pipeline=read.pipeline,
                ready_at=func.now(),
            )
        )
        await (await self._connection()).execute(
            _change(
                document.document_id,
                document.version,
                status="ready",
                progress=1.0,
                ended_at=func.now(),
                ready_version=document.version,
                chunks=chunks,
                words_counted=document.is_open,
                error_code=None,
                error_detail=None,
            )
        )

    async def make_failed(self, document_id: UUID, number: int, code: str, detail: str) -> None:
        """Say why a version cannot be read; an older one stays findable."""
        await self._session.execute(
            update(Document)
            .where(Document.id == document_id, Document.version == number)
            .values(
                status="failed",
                error_code=code,
                error_detail=detail,
                ended_at=func.now(),
                updated_at=func.now(),
            )
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
        # One after another: each has to see that the others' documents are gone.
        await self._session.execute(emptying_lock(collection_id))
        await self._session.execute(
            delete(Collection)
            .where(Collection.id == collection_id, Collection.deleted_at.is_not(None))
            .where(~exists().where(Document.collection_id == collection_id))
        )

    async def _connection(self) -> AsyncConnection:
        # Beside the session, which would look for objects to keep in step.
        return await self._session.connection()

    async def _hold(self, *conditions: ColumnElement[bool]) -> HeldDocument | None:
        found = await (await self._connection()).execute(
            select(
                Document.tenant_id,
                Document.collection_id,
                Document.id,
                Document.version,
                Document.chunks,
                Document.words_counted,
                Document.rule.is_(None),
            )
            .where(*conditions)
            .with_for_update()
        )
        row = found.one_or_none()
        return None if row is None else HeldDocument(*row)


def target_of(job: ClaimedJob) -> tuple[UUID, int]:
    """Give the document and the number of the version that a job of ingestion is about."""
    return UUID(str(job.payload["document_id"])), int(job.payload["version"])


def _stage(job: ClaimedJob, stage: StageOfWork) -> Update:
    """Show how far the work is, unless it has ended: a worker that stalled may be far behind.

    The fence is asked for as well: the figures of whoever has taken the job over stay as they are.
    """
    change = _change(
        *target_of(job),
        status="processing",
        stage=stage.name,
        progress=stage.progress,
        chunks_done=stage.chunks_done,
        chunks_total=stage.chunks_total,
        chunks_per_s=stage.chunks_per_s,
    )
    is_held = exists().where(Job.id == job.id, Job.fence == job.fence)
    return change.where(Document.status.in_(UNFINISHED), is_held)


def _change(
    document_id: UUID, number: int, **values: str | float | bool | Function[datetime] | None
) -> Update:
    """Change a document as long as this is its newest version and it is not deleted."""
    return (
        update(Document)
        .where(Document.id == document_id, Document.version == number)
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
