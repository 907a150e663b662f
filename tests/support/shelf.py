"""A library filled on the spot: tenants, people, collections and documents that can be searched.

Rows are written as the worker writes them, through the real cutter, weights and index writer; only
upload, parsing and the queue are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, insert, update

from muniment.identity.models import Account, Tenant
from muniment.identity.permissions import DEFAULT_ROLES, permissions_of
from muniment.identity.principal import Principal
from muniment.index.chunking import ChunkingSettings
from muniment.index.folding import fold_tail, hold_postings
from muniment.index.language import LanguageDetector
from muniment.index.lexical import LexicalModel
from muniment.index.repository import IndexWriter
from muniment.index.settings import VectorSettings
from muniment.index.spaces import EmbeddingSpaceRef, ensure_space
from muniment.index.terms import TermAnalyzer
from muniment.ingestion.pipeline import Pipeline
from muniment.ingestion.repository import IngestionRepository, ReadVersion
from muniment.kit.ids import new_id
from muniment.library.access_rules import AccessRule, conditions_to_json
from muniment.library.metadata import MetadataJson
from muniment.library.models import Collection, CollectionGrant, Document, DocumentVersion
from muniment.ports.access import AttributeValue
from muniment.ports.embedding import Embedder
from muniment.ports.parsing import ParsedDocument
from muniment.postgres.unit_of_work import Scope
from tests.support.database import TestDatabase

ISSUER = "https://issuer.test"


@dataclass(frozen=True)
class Placed:
    """A document that is on the shelf."""

    id: UUID
    collection_id: UUID
    name: str
    text: str


@dataclass
class Shelf:
    """One tenant of the test database and what stands in it."""

    database: TestDatabase
    embedder: Embedder
    space: EmbeddingSpaceRef
    tenant_id: int
    tenant: str
    people: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lexical = LexicalModel(TermAnalyzer())
        self.pipeline = Pipeline(
            self.embedder, LanguageDetector(), self.lexical, ChunkingSettings()
        )

    async def principal(
        self,
        user: str = "alice",
        *,
        roles: Sequence[str] = ("member",),
        groups: Sequence[str] = (),
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Principal:
        """Give a user of this tenant, made on the first mention."""
        if user not in self.people:
            self.people[user] = new_id()
            async with self.database.owner.begin() as connection:
                await connection.execute(
                    insert(Account).values(
                        id=self.people[user],
                        tenant_id=self.tenant_id,
                        issuer=ISSUER,
                        subject=user,
                    )
                )
        return Principal(
            user_id=self.people[user],
            tenant_id=self.tenant_id,
            tenant=self.tenant,
            issuer=ISSUER,
            subject=user,
            roles=frozenset(roles),
            groups=frozenset(groups),
            attributes=attributes or {},
            permissions=permissions_of(roles, DEFAULT_ROLES),
        )

    async def add_collection(
        self, grants: Mapping[str, str], *, language: str | None = None, owner: str = "librarian"
    ) -> UUID:
        """Add a collection with grants, by principal name."""
        maker = await self.principal(owner)
        collection_id = new_id()
        async with self.database.owner.begin() as connection:
            await connection.execute(
                insert(Collection).values(
                    id=collection_id,
                    tenant_id=self.tenant_id,
                    name="shelf",
                    language=language,
                    created_by=maker.user_id,
                )
            )
            rows = [
                {
                    "collection_id": collection_id,
                    "principal": name,
                    "tenant_id": self.tenant_id,
                    "role": role,
                }
                for name, role in grants.items()
            ]
            if rows:
                await connection.execute(insert(CollectionGrant), rows)
        return collection_id

    async def add_document(
        self,
        collection_id: UUID,
        text: str,
        *,
        name: str = "note.txt",
        title: str | None = None,
        rule: AccessRule | None = None,
        metadata: MetadataJson | None = None,
        creator: str = "librarian",
    ) -> Placed:
        """Add a document, ready to be found."""
        maker = await self.principal(creator)
        placed = Placed(new_id(), collection_id, name, text)
        async with self.database.owner.begin() as connection:
            await connection.execute(
                insert(Document).values(
                    id=placed.id,
                    tenant_id=self.tenant_id,
                    collection_id=collection_id,
                    name=name,
                    media_type="text/plain",
                    meta=metadata or {},
                    created_by=maker.user_id,
                    size=len(text),
                    **_ruled(rule),
                )
            )
            await connection.execute(
                insert(DocumentVersion).values(
                    document_id=placed.id,
                    number=1,
                    tenant_id=self.tenant_id,
                    media_type="text/plain",
                    size=len(text),
                    sha256=b"",
                    original_key=str(placed.id),
                    created_by=maker.user_id,
                )
            )
        await self.make_ready(placed, ParsedDocument(text=text, title=title))
        return placed

    async def make_ready(self, placed: Placed, parsed: ParsedDocument) -> None:
        """Do the last commit of ingestion: what was read, and the chunks."""
        cut = await self.pipeline.cut(parsed, placed.name, None)
        chunks = [
            chunk async for batch in self.pipeline.index(cut, self.tenant_id, 64) for chunk in batch
        ]
        read = ReadVersion(parsed.text, parsed.title, parsed.page_starts, cut.language, "test")
        async with self.database.worker.begin(Scope(self.tenant_id)) as session:
            repository = IngestionRepository(session)
            held = await repository.hold(placed.id, 1)
            assert held is not None
            await repository.make_ready(held, read, len(chunks))
            await IndexWriter(session, self.space).replace(held, chunks)

    async def fold(self, most: int = 10_000) -> int:
        """Move what waits into the packed postings, as the job does; give how many chunks."""
        async with self.database.worker.begin(Scope(self.tenant_id)) as session:
            assert await hold_postings(session, self.tenant_id)
            return (await fold_tail(session, self.tenant_id, most)).chunks

    async def delete(self, document: Placed) -> None:
        """Delete a document the way a request does: the row is marked, everything else stays."""
        async with self.database.owner.begin() as connection:
            await connection.execute(
                update(Document).where(Document.id == document.id).values(deleted_at=func.now())
            )


def _ruled(rule: AccessRule | None) -> dict[str, object]:
    if rule is None:
        return {}
    principals, conditions = rule.principals(), rule.conditions()
    return {
        "rule": rule.model_dump(mode="json", by_alias=True, exclude_none=True),
        "rule_principals": None if principals is None else sorted(principals),
        "conditions": conditions_to_json(conditions),
        "condition_attributes": sorted(conditions or ()),
    }


async def make_shelf(database: TestDatabase, embedder: Embedder, tenant: str = "acme") -> Shelf:
    """Make a tenant with nothing in it."""
    async with database.owner.connect() as connection:
        space = await ensure_space(connection, embedder.identity, VectorSettings())
    async with database.owner.begin() as connection:
        made = await connection.execute(insert(Tenant).values(name=tenant).returning(Tenant.id))
        tenant_id = made.scalar_one()
    return Shelf(database, embedder, space, tenant_id, tenant)
