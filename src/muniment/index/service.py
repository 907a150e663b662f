"""Shows a document as the index sees it."""

from uuid import UUID

from muniment.identity.principal import Principal
from muniment.index.reading import CHUNKS_BY_ORDINAL, ChunkReader
from muniment.index.schemas import ChunkRead
from muniment.kit.pagination import Page, PageRequest
from muniment.library.errors import DocumentNotFoundError


class ChunkService:
    """Lists chunks for those who may read the document."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader

    async def list_chunks(
        self, principal: Principal, document_id: UUID, paging: PageRequest
    ) -> Page[ChunkRead]:
        """Give a page of a document's chunks. Raises DocumentNotFoundError."""
        if not await self._reader.may_read(principal, document_id):
            raise DocumentNotFoundError
        rows = await self._reader.list_page(principal, document_id, paging)
        chunks = [
            ChunkRead(
                id=f"{row.document_id}:{row.version}:{row.ordinal}",
                document_id=row.document_id,
                version=row.version,
                ordinal=row.ordinal,
                start=row.start,
                end=row.end,
                page=row.page,
                headings=row.headings,
                text=row.text,
            )
            for row in rows
        ]
        return paging.page(chunks, CHUNKS_BY_ORDINAL, lambda chunk: (chunk.ordinal,))
