"""The trail in the database: entries are added, read and, when they are old, removed."""

from datetime import timedelta

from sqlalchemy import delete, func, insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act
from muniment.audit.models import AuditEntry
from muniment.kit.origin import Origin
from muniment.postgres.unit_of_work import Transactions


class AuditRepository:
    """Adds entries within a transaction of somebody else's."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, act: Act, origin: Origin) -> None:
        """Add what was done; it is there if and only if the transaction commits."""
        actor, target = act.actor, act.target
        entry = insert(AuditEntry).values(
            tenant_id=actor.tenant_id,
            actor_id=actor.account_id,
            actor=actor.name,
            action=act.action.value,
            outcome="done",
            object_kind=None if target is None else target.kind,
            object_id=None if target is None else target.id,
            details=act.details.model_dump(mode="json", exclude_none=True),
            request_id=origin.request_id,
            address=origin.address,
        )
        # What the act has changed so far is flushed when whoever changed it says so: services count
        # a revision by what is not flushed yet.
        with self._session.no_autoflush:
            await self._session.execute(entry)


async def purge_audit(transactions: Transactions, kept_for: timedelta) -> int:
    """Remove what has been kept for longer than that, as the worker role; give its number."""
    async with transactions.begin(None) as session:
        expired = AuditEntry.created_at < func.now() - kept_for
        removed = delete(AuditEntry).where(expired).returning(AuditEntry.id)
        return len((await session.scalars(removed)).all())
