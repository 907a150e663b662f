"""How stored originals become documents: the one way in, for HTTP, command line and evaluation.

The caller stores the bytes first (`Intake.store`) and registers them then, in a transaction that
holds everything: the document, the version, the job that reads it and the end of the row that spoke
of the bytes until now, or nothing.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.library.access_rules import AccessRule
from muniment.library.errors import (
    CollectionNotFoundError,
    NotAnEditorError,
    UploadOverdueError,
)
from muniment.library.metadata import MetadataJson
from muniment.library.models import Document, DocumentVersion
from muniment.library.repository.collections import CollectionRepository
from muniment.library.repository.documents import DocumentRepository, identity_lock_key
from muniment.library.repository.pending import PendingOriginals
from muniment.library.repository.usage import Usage
from muniment.library.service.access import (
    apply_rule,
    replace_rule,
    require_not_locked_out,
    stored_rule,
)
from muniment.library.service.admission import count_growth
from muniment.library.service.documents import queue, uri_identity
from muniment.library.settings import TenantLimits
from muniment.ports.jobs import NewJob, document_ingestion, original_purge
from muniment.ports.originals import StoredOriginal
from muniment.postgres import jobs

Outcome = Literal["created", "changed", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A file whose bytes are stored, and what was said about it."""

    name: str
    media_type: str
    original: StoredOriginal
    uri: str | None = None
    metadata: MetadataJson | None = None
    """None: nothing was said, so what is there stays."""
    access: AccessRule | None = None
    """None: nothing was said, so what is there stays."""
    follows_file: bool = False
    """Whether the document shall go with its file (`cli/pruning.py`)."""

    @property
    def identity(self) -> str:
        """What makes two uploads to a collection the same document."""
        return f"name:{self.name}" if self.uri is None else uri_identity(self.uri)


@dataclass(frozen=True, slots=True)
class Registration:
    """The document of an upload, and what the upload did to it.

    `changed` means new bytes, or another try at a document that could not be read: a new version
    waits. One that is `updated` kept its bytes, and its name, metadata or rule was replaced.
    """

    document: Document
    outcome: Outcome


async def require_editor(session: AsyncSession, principal: Principal, collection_id: UUID) -> None:
    """Keep a collection that the caller may edit from being deleted until the transaction ends.

    Raises CollectionNotFoundError and NotAnEditorError.
    """
    collections = CollectionRepository(session)
    if await collections.hold_for_adding(principal, collection_id):
        return
    if await collections.find_visible(principal, collection_id) is None:
        raise CollectionNotFoundError
    raise NotAnEditorError


async def register(
    session: AsyncSession,
    principal: Principal,
    collection_id: UUID,
    upload: NewUpload,
    limits: TenantLimits,
) -> Registration:
    """Make an upload a document, a new version of one, or find that it is there already.

    Raises CollectionNotFoundError, NotAnEditorError, AccessLocksYouOutError, UploadOverdueError
    and TenantFullError.
    """
    [registration] = await register_all(session, principal, collection_id, [upload], limits)
    return registration


async def register_all(
    session: AsyncSession,
    principal: Principal,
    collection_id: UUID,
    uploads: list[NewUpload],
    limits: TenantLimits,
) -> list[Registration]:
    """Register several uploads at once: all of them or none."""
    await require_editor(session, principal, collection_id)
    await _take_over_originals(session, uploads)
    repository = DocumentRepository(session)
    # In one order everywhere, so that two requests with the same files never wait in a circle.
    for identity in sorted(
        {upload.identity for upload in uploads},
        key=lambda identity: identity_lock_key(collection_id, identity),
    ):
        await repository.lock_identity(collection_id, identity)
    one = _Registrar(session, repository, principal, collection_id)
    registered = [await one.register(upload) for upload in uploads]
    await count_growth(session, principal.tenant_id, _growth(registered), limits)
    return registered


def _growth(registered: list[Registration]) -> Usage:
    added = [one for one in registered if one.outcome in {"created", "changed"}]
    return Usage(
        documents=sum(one.outcome == "created" for one in added),
        size=sum(one.document.size for one in added),
    )


async def _take_over_originals(session: AsyncSession, uploads: list[NewUpload]) -> None:
    # A row that is gone belongs to bytes that are, or soon will be. One that a sweep looks at just
    # now is waited for; one that is taken here, a sweep passes over.
    keys = {upload.original.key for upload in uploads}
    if await PendingOriginals(session).remove(keys) != keys:
        raise UploadOverdueError


class _Registrar:
    """Registers uploads whose collection and identities are held."""

    def __init__(
        self,
        session: AsyncSession,
        repository: DocumentRepository,
        principal: Principal,
        collection_id: UUID,
    ) -> None:
        self._session = session
        self._repository = repository
        self._principal = principal
        self._collection_id = collection_id
        self._default: tuple[AccessRule | None] | None = None

    async def register(self, upload: NewUpload) -> Registration:
        """Find what is there under the identity and decide what the upload is."""
        document = await self._repository.find_by_identity(
            self._principal, self._collection_id, upload.uri, upload.name
        )
        if document is None:
            return Registration(await self._create(upload), "created")
        is_same = await self._is_same(document, upload)
        following = await self._take_over(document, upload)
        if not is_same:
            _await_version(document, upload)
        # Asked before anything is flushed, after which nothing counts as modified.
        is_modified = self._session.is_modified(document)
        if is_modified:
            document.revision += 1
            await self._repository.save(document)
        if is_same:
            # These bytes are stored already, under the key of the version that is there.
            following.append(original_purge(document.tenant_id, upload.original.key))
        else:
            following.append(await self._add_version(document, upload))
        await jobs.enqueue(self._session, following)
        return Registration(document, _outcome(is_same=is_same, is_modified=is_modified))

    async def _create(self, upload: NewUpload) -> Document:
        document = Document(
            tenant_id=self._principal.tenant_id,
            collection_id=self._collection_id,
            name=upload.name,
            uri=upload.uri,
            media_type=upload.media_type,
            meta=upload.metadata or {},
            created_by=self._principal.user_id,
            size=upload.original.size,
            follows_file=upload.follows_file,
        )
        apply_rule(document, upload.access or await self._default_rule())
        await self._repository.add(document, self._version(1, upload))
        job = document_ingestion(document.tenant_id, document.id, 1, self._principal.user_id)
        await jobs.enqueue(self._session, [job])
        return document

    async def _default_rule(self) -> AccessRule | None:
        """Give the rule of the collection for documents without one, as it is at this moment."""
        if self._default is None:
            stored = await CollectionRepository(self._session).default_rule(self._collection_id)
            rule = None if stored is None else AccessRule.model_validate(stored)
            self._default = (rule,)
        return self._default[0]

    async def _is_same(self, document: Document, upload: NewUpload) -> bool:
        if document.status == "failed":
            # Whoever uploads it again wants it read again, maybe because the stored file is gone.
            return False
        sha256 = bytes.fromhex(upload.original.sha256)
        return document.media_type == upload.media_type and await self._repository.has_bytes(
            document, sha256
        )

    async def _take_over(self, document: Document, upload: NewUpload) -> list[NewJob]:
        """Replace what was said anew about a document that is there; give the jobs that follow."""
        document.name = upload.name
        if upload.metadata is not None:
            document.meta = upload.metadata
        if upload.access is not None and stored_rule(upload.access) != document.rule:
            await require_not_locked_out(self._repository, self._principal, document, upload.access)
            return await replace_rule(self._session, self._principal, document, upload.access)
        return []

    async def _add_version(self, document: Document, upload: NewUpload) -> NewJob:
        """Keep the version that the document waits for, and give the job that reads it."""
        version = self._version(document.version, upload)
        version.document_id = document.id
        await self._repository.add_version(version)
        user_id = self._principal.user_id
        return document_ingestion(document.tenant_id, document.id, document.version, user_id)

    def _version(self, number: int, upload: NewUpload) -> DocumentVersion:
        return DocumentVersion(
            number=number,
            tenant_id=self._principal.tenant_id,
            media_type=upload.media_type,
            size=upload.original.size,
            sha256=bytes.fromhex(upload.original.sha256),
            original_key=upload.original.key,
            created_by=self._principal.user_id,
        )


def _outcome(*, is_same: bool, is_modified: bool) -> Outcome:
    if not is_same:
        return "changed"
    return "updated" if is_modified else "unchanged"


def _await_version(document: Document, upload: NewUpload) -> None:
    """Let a document wait for its next version to be read."""
    document.version += 1
    document.media_type = upload.media_type
    document.size = upload.original.size
    document.follows_file = upload.follows_file
    queue(document)
