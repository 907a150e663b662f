"""Reads the chunks of one document, page by page, for those who may read the document."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.index.models import Chunk
from muniment.kit.pagination import Ordering, PageRequest
from muniment.library.models import Document
from muniment.library.policy import access_filter, predicate

CHUNKS_BY_ORDINAL: Final = Ordering("chunks.ordinal", (int,))


class ChunkReader:
    """Finds chunks below a document; one whose document is closed to the caller does not exist."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def may_read(self, principal: Principal, document_id: UUID) -> bool:
        """Tell whether the document is there for the caller."""
        found = await self._session.scalar(
            select(Document.id)
            .where(Document.id == document_id)
            .where(predicate(access_filter(principal)))
        )
        return found is not None

    async def list_page(
        self, principal: Principal, document_id: UUID, paging: PageRequest
    ) -> Sequence[Chunk]:
        """Read the chunks of a page, and one more that tells whether another page follows."""
        statement = (
            select(Chunk)
            .join(Document, Document.id == Chunk.document_id)
            .where(Chunk.document_id == document_id, predicate(access_filter(principal)))
            .order_by(Chunk.ordinal)
            .limit(paging.fetch_limit)
        )
        after = paging.after(CHUNKS_BY_ORDINAL)
        if after is not None:
            statement = statement.where(Chunk.ordinal > after[0])
        return (await self._session.scalars(statement)).all()
