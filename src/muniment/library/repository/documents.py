"""Every query on documents and versions; each goes through the predicate of `policy`."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from muniment.identity.principal import Principal
from muniment.kit.pagination import Ordering, PageRequest
from muniment.library.metadata_filter import MetadataFilter, metadata_predicate
from muniment.library.models import CollectionGrant, Document, DocumentVersion
from muniment.library.policy import access_filter, edit_filter, predicate, shape, values
from muniment.ports.access import AccessFilter
from muniment.postgres.fixed import FixedStatements, Places, in_places

NEWEST_FIRST = Ordering("documents.newest", (UUID,))
VERSIONS = Ordering("versions.newest", (int,))
_STATEMENTS = FixedStatements()
_ASKED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document that the caller may see, and whether they may change it."""

    document: Document
    may_edit: bool


@dataclass(frozen=True, slots=True)
class DocumentCriteria:
    """Which documents of a collection are asked for."""

    status: str | None = None
    uri: str | None = None
    name_part: str | None = None
    metadata: MetadataFilter | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Give the criteria as conditions; values are bound, never written into the statement."""
        found: list[ColumnElement[bool]] = []
        if self.status is not None:
            found.append(Document.status == self.status)
        if self.uri is not None:
            found.append(Document.uri == self.uri)
        if self.name_part is not None:
            found.append(Document.name.icontains(self.name_part, autoescape=True))
        if self.metadata is not None:
            found.append(metadata_predicate(self.metadata))
        return found


class DocumentRepository:
    """Documents as one caller may see them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_in(
        self,
        principal: Principal,
        collection_id: UUID,
        criteria: DocumentCriteria,
        page: PageRequest,
    ) -> list[DocumentView]:
        """List the documents of a collection that the caller may see, newest first."""
        statement = (
            select(Document, _may_edit(principal))
            .where(Document.collection_id == collection_id, predicate(access_filter(principal)))
            .where(*criteria.conditions())
        )
        after = page.after(NEWEST_FIRST)
        if after is not None:
            statement = statement.where(Document.id < after[0])
        rows = await self._session.execute(
            statement.order_by(Document.id.desc()).limit(page.fetch_limit)
        )
        return [DocumentView(*row) for row in rows]

    async def find(
        self, principal: Principal, document_id: UUID, *, for_update: bool = False
    ) -> DocumentView | None:
        """Find a document that the caller may see."""
        statement = (
            select(Document, _may_edit(principal))
            .where(Document.id == document_id, predicate(access_filter(principal)))
            .execution_options(populate_existing=True)
        )
        if for_update:
            statement = statement.with_for_update(of=Document)
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else DocumentView(*row)

    async def find_version(self, document: Document, number: int) -> DocumentVersion | None:
        """Find a version of a document that was found before."""
        return await self._session.get(DocumentVersion, (document.id, number))

    async def has_bytes(self, document: Document, sha256: bytes) -> bool:
        """Tell whether these are the bytes of a document's newest version."""
        found = await self._session.scalar(
            select(DocumentVersion.number).where(
                DocumentVersion.document_id == document.id,
                DocumentVersion.number == document.version,
                DocumentVersion.sha256 == sha256,
            )
        )
        return found is not None

    async def newest_hashes(self, documents: Sequence[Document]) -> dict[UUID, bytes]:
        """Give the SHA-256 of the newest bytes of documents that were found before."""
        hashes: dict[UUID, bytes] = {}
        for start in range(0, len(documents), _ASKED_AT_ONCE):
            ids = [document.id for document in documents[start : start + _ASKED_AT_ONCE]]
            found = await self._session.execute(
                select(DocumentVersion.document_id, DocumentVersion.sha256)
                .join(Document, Document.id == DocumentVersion.document_id)
                .where(Document.id.in_(ids), DocumentVersion.number == Document.version)
            )
            hashes.update(found.all())
        return hashes

    async def list_versions(self, document: Document, page: PageRequest) -> list[DocumentVersion]:
        """List the versions of a document, newest first, without their texts."""
        statement = (
            select(DocumentVersion)
            .where(DocumentVersion.document_id == document.id)
            .options(
                load_only(
                    DocumentVersion.media_type,
                    DocumentVersion.size,
                    DocumentVersion.sha256,
                    DocumentVersion.title,
                    DocumentVersion.language,
                    DocumentVersion.created_at,
                    DocumentVersion.ready_at,
                    raiseload=True,
                )
            )
        )
        after = page.after(VERSIONS)
        if after is not None:
            statement = statement.where(DocumentVersion.number < after[0])
        ordered = statement.order_by(DocumentVersion.number.desc()).limit(page.fetch_limit)
        return list((await self._session.scalars(ordered)).all())

    async def caller_roles(self, principal: Principal, collection_id: UUID) -> dict[str, str]:
        """Give those grants of a collection that mean the caller, by principal."""
        found = await self._session.execute(
            select(CollectionGrant.principal, CollectionGrant.role).where(
                CollectionGrant.collection_id == collection_id,
                CollectionGrant.principal.in_(sorted(principal.names)),
            )
        )
        return dict(found.all())

    async def lock_identity(self, collection_id: UUID, identity: str) -> None:
        """Make uploads of the same document wait for each other until their transactions end."""
        await self._session.execute(
            select(func.pg_advisory_xact_lock(identity_lock_key(collection_id, identity)))
        )

    async def find_by_identity(
        self, principal: Principal, collection_id: UUID, uri: str | None, name: str
    ) -> Document | None:
        """Find the document of this identity among those that the caller may edit."""
        access = edit_filter(principal)
        statement = _STATEMENTS.of(
            ("identity", uri is None, shape(access)),
            lambda: _identified(access, is_named=uri is None),
        )
        named = {"collection": collection_id, "identity": name if uri is None else uri}
        rows = await statement.run(
            await self._session.connection(), in_places(list(values(access))) | named
        )
        # Mostly there is none: uploads bring new documents.
        return await self._reread(rows[0][0]) if rows else None

    async def _reread(self, document_id: UUID) -> Document:
        """Give a document that this transaction has locked, as it is now."""
        found = await self._session.scalars(
            select(Document)
            .where(Document.id == document_id)
            .execution_options(populate_existing=True)
        )
        return found.one()

    async def add(self, document: Document, version: DocumentVersion) -> None:
        """Add a document with its first version."""
        self._session.add(document)
        await self._session.flush()
        version.document_id = document.id
        await self.add_version(version)

    async def add_version(self, version: DocumentVersion) -> None:
        """Add a version to a document."""
        self._session.add(version)
        await self._session.flush()

    async def save(self, document: Document) -> None:
        """Write what was changed in a document; its time of change is the database's."""
        document.updated_at = func.now()
        await self._session.flush()
        await self._session.refresh(document, ("updated_at",))


def emptying_lock(collection_id: UUID) -> Select[None]:
    """Let those who may take the last document of a collection do so one after another."""
    # The identity of a document has a name or a uri in it.
    return select(func.pg_advisory_xact_lock(identity_lock_key(collection_id, "emptying")))


def identity_lock_key(collection_id: UUID, identity: str) -> int:
    """Make the number of the lock on an identity: 64 bits of a hash."""
    digest = blake2b(identity.encode(), digest_size=8, key=collection_id.bytes).digest()
    return int.from_bytes(digest, signed=True)


def _identified(access: AccessFilter, *, is_named: bool) -> Select[UUID]:
    """Select the document of one identity for update: `identity` is its name or else its uri."""
    identity = bindparam("identity", type_=Text())
    same = Document.uri.is_(None) & (Document.name == identity)
    return (
        select(Document.id)
        .where(Document.collection_id == bindparam("collection", type_=Uuid()))
        .where(predicate(access, Places()), same if is_named else Document.uri == identity)
        .order_by(Document.id)
        .limit(literal_column("1"))
        .with_for_update(of=Document)
    )


def _may_edit(principal: Principal) -> ColumnElement[bool]:
    return predicate(edit_filter(principal)).label("may_edit")
