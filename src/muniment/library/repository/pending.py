"""Rows of originals that no document speaks of yet."""

from collections.abc import Collection

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.library.models import PendingOriginal


class PendingOriginals:
    """Keys that are written down until a document has taken them over."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, tenant_id: int, keys: Collection[str]) -> None:
        """Write keys down."""
        rows = [{"tenant_id": tenant_id, "key": key} for key in keys]
        await self._session.execute(insert(PendingOriginal), rows)

    async def remove(self, keys: Collection[str]) -> frozenset[str]:
        """Strike keys out; give those that were there."""
        removed = await self._session.scalars(
            delete(PendingOriginal)
            .where(PendingOriginal.key.in_(keys))
            .returning(PendingOriginal.key)
        )
        return frozenset(removed)
