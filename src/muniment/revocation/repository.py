"""Revocations in the database: written with what causes them, read by every process."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sqlalchemy import and_, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.grounds import Grounds
from muniment.postgres.unit_of_work import Transactions
from muniment.revocation.entries import Entry, issued
from muniment.revocation.models import Revocation

CHANNEL: Final = "muniment_revocation"
_RING: Final = text(f"select pg_notify('{CHANNEL}', '')")


class RevocationRepository:
    """Writes and asks within a transaction of somebody else's."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, entries: Collection[Entry], token_id: str | None = None) -> bool:
        """Take something back from this commit on, and ring for the other processes then.

        False, and nothing is written, where the logout token was heard before.
        """
        rows = [
            {
                "kind": entry.kind,
                "issuer": entry.issuer,
                "name": entry.name,
                "cutoff": entry.cutoff,
                "token_id": token_id,
            }
            for entry in entries
        ]
        written = insert(Revocation).values(rows).on_conflict_do_nothing().returning(Revocation.id)
        is_new = (await self._session.scalars(written)).first() is not None
        if is_new:
            await self._session.execute(_RING)
        return is_new

    async def covers(self, grounds: Grounds) -> bool:
        """Tell whether the issuer took a caller's right back, as far as this transaction sees."""
        is_named = [
            and_(
                Revocation.kind == kind,
                Revocation.issuer == issuer,
                Revocation.name == name,
                Revocation.cutoff >= moment,
            )
            for (kind, issuer, name), moment in issued(grounds)
        ]
        if not is_named:
            return False
        found = await self._session.scalar(select(Revocation.id).where(or_(*is_named)).limit(1))
        return found is not None


async def purge_revocations(transactions: Transactions, kept_for: timedelta) -> int:
    """Remove what speaks of nothing alive, as the worker role; give its number."""
    async with transactions.begin(None) as session:
        expired = Revocation.created_at < func.now() - kept_for
        removed = delete(Revocation).where(expired).returning(Revocation.id)
        return len((await session.scalars(removed)).all())
