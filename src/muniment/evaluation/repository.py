"""Reads how far the ingestion of a data set is."""

from collections import Counter
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.library.models import Document
from muniment.library.policy import access_filter, predicate


class CorpusRepository:
    """Documents of the collection that is evaluated."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count_by_status(self, principal: Principal, collection_id: UUID) -> Counter[str]:
        """Count the documents in each state."""
        rows = await self._session.execute(
            select(Document.status, func.count())
            .where(Document.collection_id == collection_id, predicate(access_filter(principal)))
            .group_by(Document.status)
        )
        return Counter(dict(rows.all()))
