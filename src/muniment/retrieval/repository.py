"""What the search reads besides vectors and terms: collections, and the text at the very end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.index.models import Chunk, LexTotal
from muniment.index.reach import reach_shape, reach_values, reachable
from muniment.library.models import Collection, Document
from muniment.library.policy import collection_predicate
from muniment.ports.vectors import Reach
from muniment.postgres.fixed import (
    Bind,
    FixedStatements,
    Places,
    Value,
    in_places,
    keyed,
)
from muniment.retrieval.passages import PassageText, Withheld

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


_STATEMENTS = FixedStatements()


class PassageRepository:
    """Reads as the serving role, under the caller's scope."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def survey(self, principal: Principal, wanted: Sequence[UUID] | None) -> Grounds:
        """Look at the collections that a caller holds a grant in and asks for."""
        statement = _STATEMENTS.of(
            ("survey", wanted is None), lambda: _survey(principal, wanted, Places())
        )
        values: list[Value] = [principal.tenant_id, sorted(principal.names)]
        if wanted is not None:
            values.append(list(wanted))
        connection = await self._session.connection()
        [row] = await statement.run(connection, in_places(values))
        collections, languages, counted, chunks = row
        return Grounds(collections, sorted(languages), counted, int(chunks))

    async def list_passages(self, chunk_ids: Sequence[int], reach: Reach) -> list[PassageText]:
        """Read the text of chunks; the walls are asked again, here and by row-level security."""
        statement = _STATEMENTS.of(
            keyed("passages", reach_shape(reach)), lambda: _passages(reachable(reach, Places()))
        )
        values = in_places(list(reach_values(reach))) | {"chunks": list(chunk_ids)}
        rows = await statement.run(await self._session.connection(), values)
        return [PassageText(*row) for row in rows]

    async def count_withheld(self, reach: Reach) -> Withheld:
        """Count what there is to be found and the caller may not see, whatever the filter.

        In one statement, since the two numbers have to be of the same moment.
        """
        own = select(func.count(), func.coalesce(func.sum(Document.chunks), 0)).where(
            reachable(replace(reach, metadata=None))
        )
        wanted = None if reach.collections is None else sorted(reach.collections)
        everything = func.muniment_count_documents(literal(wanted, ARRAY(Uuid()))).table_valued(
            "documents", "chunks"
        )
        mine = own.subquery("mine")
        found = await self._session.execute(
            select(everything.c.documents, everything.c.chunks, *mine.c).select_from(
                everything.join(mine, true())
            )
        )
        documents, chunks, readable, readable_chunks = found.one()
        return Withheld(documents - readable, chunks - int(readable_chunks))


def _survey(
    principal: Principal, wanted: Sequence[UUID] | None, bind: Bind
) -> Select[int, list[str], list[UUID], int]:
    permitted = collection_predicate(principal, "collection_grantees", bind)
    statement = select(Collection.id, Collection.language).where(permitted)
    if wanted is not None:
        statement = statement.where(Collection.id == any_(bind(wanted, ARRAY(Uuid()))))
    asked = statement.cte("asked")
    counted = (
        select(LexTotal.collection_id, LexTotal.chunks)
        .join(asked, asked.c.id == LexTotal.collection_id)
        .order_by(LexTotal.chunks.desc(), LexTotal.collection_id)
        .limit(literal_column(f"{_COUNTED_COLLECTIONS:d}"))
        .cte("counted")
    )
    declared = select(asked.c.language).where(asked.c.language.is_not(None)).distinct()
    return select(
        select(func.count()).select_from(asked).scalar_subquery(),
        func.array(declared.scalar_subquery(), type_=ARRAY(Text())),
        func.array(select(counted.c.collection_id).scalar_subquery(), type_=ARRAY(Uuid())),
        select(func.coalesce(func.sum(counted.c.chunks), 0)).scalar_subquery(),
    )


def _passages(
    permitted: ColumnElement[bool],
) -> Select[int, UUID, str, str | None, int, int | None, int, int, str, list[str]]:
    """Select passages in the order of the fields of `PassageText`."""
    return (
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
        .where(Chunk.id == any_(bindparam("chunks", type_=ARRAY(BigInteger()))), permitted)
    )
