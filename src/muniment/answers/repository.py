"""Reads what is about to be quoted from the canonical text, once more and behind the walls."""

from bisect import bisect_right
from collections.abc import Sequence

from sqlalchemy import ARRAY, Integer, Uuid, column, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.answers.citations import SourceQuote, SourceSpan
from muniment.index.reach import reachable
from muniment.library.models import Document, DocumentVersion
from muniment.ports.vectors import Reach


class QuoteRepository:
    """Reads as the serving role, under the caller's scope."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_quotes(
        self, spans: Sequence[SourceSpan], reach: Reach
    ) -> dict[SourceSpan, SourceQuote]:
        """Read each place from its version; those that the caller may not see are absent."""
        wanted = (
            func.unnest(
                literal([span.document_id for span in spans], ARRAY(Uuid())),
                literal([span.version for span in spans], ARRAY(Integer())),
                literal([span.start for span in spans], ARRAY(Integer())),
                literal([span.end for span in spans], ARRAY(Integer())),
            )
            .table_valued(
                column("document_id", Uuid()),
                column("version", Integer()),
                column("first", Integer()),
                column("last", Integer()),
                name="wanted",
            )
            .render_derived()
        )
        places = wanted.c
        quote = func.substr(DocumentVersion.text, places.first + 1, places.last - places.first)
        rows = await self._session.execute(
            select(*places, quote.label("quote"), DocumentVersion.page_starts)
            .join(Document, Document.id == places.document_id)
            .join(
                DocumentVersion,
                (DocumentVersion.document_id == Document.id)
                & (DocumentVersion.number == places.version),
            )
            .where(reachable(reach))
        )
        return {
            SourceSpan(row.document_id, row.version, row.first, row.last): SourceQuote(
                row.quote, _page(row.page_starts, row.first)
            )
            for row in rows
        }


def _page(page_starts: Sequence[int] | None, place: int) -> int | None:
    return max(bisect_right(page_starts, place), 1) if page_starts else None
