"""Rows of a small library, written as the owner: what the HTTP side would have left behind."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.models import Account, Tenant
from muniment.index.models import Chunk
from muniment.library.models import Collection, CollectionGrant, Document, DocumentVersion
from muniment.ports.jobs import NewJob, document_ingestion, document_purge
from muniment.postgres import jobs
from tests.support.database import TestDatabase
from tests.support.fake_originals import FakeOriginals


@dataclass
class LibraryRows:
    database: TestDatabase
    originals: FakeOriginals
    tenant_id: int
    account_id: UUID
    collection_id: UUID

    @classmethod
    async def create(cls, database: TestDatabase, originals: FakeOriginals) -> "LibraryRows":
        async with AsyncSession(database.owner) as session, session.begin():
            tenant = Tenant(name="acme")
            session.add(tenant)
            await session.flush()
            account = Account(tenant_id=tenant.id, issuer="urn:test", subject="alice")
            session.add(account)
            await session.flush()
            collection = Collection(tenant_id=tenant.id, name="Handbook", created_by=account.id)
            session.add(collection)
            await session.flush()
            session.add(
                CollectionGrant(
                    collection_id=collection.id,
                    principal=f"user:{account.id}",
                    tenant_id=tenant.id,
                    role="owner",
                )
            )
            ids = tenant.id, account.id, collection.id
        return cls(database, originals, *ids)

    async def upload(
        self, content: bytes, *, name: str = "leave.txt", media_type: str = "text/plain"
    ) -> UUID:
        """Add a document with its first version and its job, as an upload commits them."""
        async with AsyncSession(self.database.owner) as session, session.begin():
            document = Document(
                tenant_id=self.tenant_id,
                collection_id=self.collection_id,
                name=name,
                media_type=media_type,
                created_by=self.account_id,
                size=len(content),
            )
            session.add(document)
            await session.flush()
            document_id = document.id
            await self._add_version(session, document_id, 1, content, media_type)
        return document_id

    async def change(self, document_id: UUID, content: bytes, number: int) -> None:
        """Add another version, as an upload of changed bytes does."""
        async with AsyncSession(self.database.owner) as session, session.begin():
            await self._add_version(session, document_id, number, content, "text/plain")
            await session.execute(
                update(Document)
                .where(Document.id == document_id)
                .values(version=number, status="queued", progress=0.0)
            )

    async def delete(self, document_id: UUID) -> None:
        """Mark a document as deleted and ask for its purge."""
        async with AsyncSession(self.database.owner) as session, session.begin():
            await session.execute(
                update(Document).where(Document.id == document_id).values(deleted_at=text("now()"))
            )
            await jobs.enqueue(session, [document_purge(self.tenant_id, document_id)])

    async def document(self, document_id: UUID) -> Document | None:
        async with AsyncSession(self.database.owner) as session:
            return await session.get(Document, document_id)

    async def version(self, document_id: UUID, number: int) -> DocumentVersion | None:
        async with AsyncSession(self.database.owner) as session:
            return await session.get(DocumentVersion, (document_id, number))

    async def chunks(self, document_id: UUID) -> list[Chunk]:
        async with AsyncSession(self.database.owner) as session:
            found = await session.scalars(
                select(Chunk).where(Chunk.document_id == document_id).order_by(Chunk.ordinal)
            )
            return list(found)

    async def count(self, table: str) -> int:
        async with self.database.owner.connect() as connection:
            return int(
                (await connection.execute(text(f"select count(*) from {table}"))).scalar_one()
            )

    async def enqueue(self, job: NewJob) -> None:
        async with AsyncSession(self.database.owner) as session, session.begin():
            await jobs.enqueue(session, [job])

    async def _add_version(
        self, session: AsyncSession, document_id: UUID, number: int, content: bytes, media_type: str
    ) -> None:
        original = self.originals.add(content)
        await session.execute(
            insert(DocumentVersion).values(
                document_id=document_id,
                number=number,
                tenant_id=self.tenant_id,
                media_type=media_type,
                size=original.size,
                sha256=bytes.fromhex(original.sha256),
                original_key=original.key,
                created_by=self.account_id,
            )
        )
        await jobs.enqueue(session, [document_ingestion(self.tenant_id, document_id, number)])
