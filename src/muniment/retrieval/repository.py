"""What the search reads besides vectors and terms: collections, and the text at the very end."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Uuid, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.index.models import Chunk
from muniment.index.reach import reachable
from muniment.library.models import Collection, Document
from muniment.library.policy import collection_predicate
from muniment.ports.vectors import Reach
from muniment.retrieval.passages import PassageText


class PassageRepository:
    """Reads as the serving role, under the caller's scope."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_collections(
        self, principal: Principal, wanted: Sequence[UUID] | None
    ) -> dict[UUID, str | None]:
        """Give the collections that a caller has access to, each with its declared language."""
        statement = select(Collection.id, Collection.language).where(
            collection_predicate(principal, "collection_grantees")
        )
        if wanted is None:
            statement = statement.where(Collection.language.is_not(None))
        else:
            statement = statement.where(Collection.id == any_(literal(wanted, ARRAY(Uuid()))))
        connection = await self._session.connection()
        rows = await connection.execute(statement)
        return {row.id: row.language for row in rows}

    async def list_passages(self, chunk_ids: Sequence[int], reach: Reach) -> list[PassageText]:
        """Read the text of chunks; the walls are asked again, here and by row-level security."""
        rows = await self._session.execute(
            select(
                Chunk.id,
                Chunk.document_id,
                Document.name,
                Document.uri,
                Chunk.version,
                Chunk.page,
                Chunk.start,
                Chunk.end,
                Chunk.text,
                Chunk.headings,
            )
            .join(Document, Document.id == Chunk.document_id)
            .where(Chunk.id == any_(literal(chunk_ids, ARRAY(BigInteger()))), reachable(reach))
        )
        return [
            PassageText(
                chunk_id=row.id,
                document_id=row.document_id,
                document_name=row.name,
                uri=row.uri,
                version=row.version,
                page=row.page,
                start=row.start,
                end=row.end,
                text=row.text,
                headings=row.headings,
            )
            for row in rows
        ]
