"""What the search reads besides vectors and terms: collections, and the text at the very end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.index.models import Chunk, LexTotal
from muniment.index.reach import reachable
from muniment.library.models import Collection, Document
from muniment.library.policy import collection_predicate
from muniment.ports.vectors import Reach
from muniment.retrieval.passages import PassageText

T = TypeVar("T")

_COUNTED_COLLECTIONS = 200
"""How many collections have their words looked up: the largest say enough about which are rare."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """The collections that a search goes through, as far as the caller holds a grant in them."""

    collections: int
    languages: Sequence[str]
    """The declared ones, each once."""
    counted: Sequence[UUID]
    """Those whose word counts are added up, the largest ones."""
    chunks: int
    """The chunks that these counts are of."""


class PassageRepository:
    """Reads as the serving role, under the caller's scope."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def survey(self, principal: Principal, wanted: Sequence[UUID] | None) -> Grounds:
        """Look at the collections that a caller holds a grant in and asks for."""
        permitted = collection_predicate(principal, "collection_grantees")
        statement = select(Collection.id, Collection.language).where(permitted)
        if wanted is not None:
            statement = statement.where(Collection.id == any_(literal(wanted, ARRAY(Uuid()))))
        asked = statement.cte("asked")
        counted = (
            select(LexTotal.collection_id, LexTotal.chunks)
            .join(asked, asked.c.id == LexTotal.collection_id)
            .order_by(LexTotal.chunks.desc(), LexTotal.collection_id)
            .limit(literal_column(f"{_COUNTED_COLLECTIONS:d}"))
            .cte("counted")
        )
        connection = await self._session.connection()
        row = await connection.execute(
            select(
                select(func.count()).select_from(asked).scalar_subquery(),
                _gathered(
                    select(asked.c.language).where(asked.c.language.is_not(None)).distinct(),
                    ARRAY(Text()),
                ),
                _gathered(select(counted.c.collection_id), ARRAY(Uuid())),
                select(func.coalesce(func.sum(counted.c.chunks), 0)).scalar_subquery(),
            )
        )
        collections, languages, counted_ids, chunks = row.one()
        return Grounds(collections, sorted(languages), counted_ids, int(chunks))

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


def _gathered(rows: Select[T], type_: ARRAY[T]) -> ColumnElement[Sequence[T]]:
    """Gather a column of rows into an array."""
    return func.array(rows.scalar_subquery(), type_=type_)
