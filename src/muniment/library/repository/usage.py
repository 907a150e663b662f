"""How much a tenant keeps and has waiting: counted where it changes, read before more is taken."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.library.models import DocumentVersion, TenantUsage

# Reads no more of the queue than is needed to know; `job_waiting_idx` holds nothing but this.
_WAITING = text(
    """
    select count(*) from (
        select from job where tenant_id = :tenant and state = 'queued' limit :most
    ) waiting
    """
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Documents of a tenant, and the bytes of all their versions."""

    documents: int = 0
    size: int = 0


class UsageRepository:
    """The count of one tenant, in the caller's transaction."""

    def __init__(self, session: AsyncSession, tenant_id: int) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def find(self) -> Usage:
        """Tell what is there, without keeping others from adding to it."""
        found = await self._session.execute(
            select(TenantUsage.documents, TenantUsage.size).where(
                TenantUsage.tenant_id == self._tenant_id
            )
        )
        row = found.one_or_none()
        return Usage() if row is None else Usage(*row)

    async def add(self, growth: Usage) -> Usage:
        """Count what was added, and give the sum; nobody else adds until the transaction ends.

        Called last in a transaction, which then holds up the others of its tenant least.
        """
        come = insert(TenantUsage).values(
            tenant_id=self._tenant_id, documents=growth.documents, size=growth.size
        )
        found = await self._session.execute(
            come.on_conflict_do_update(
                index_elements=[TenantUsage.tenant_id],
                set_={
                    "documents": TenantUsage.documents + come.excluded.documents,
                    "bytes": TenantUsage.size + come.excluded.bytes,
                },
            ).returning(TenantUsage.documents, TenantUsage.size)
        )
        return Usage(*found.one())

    async def take_out(self, document_id: UUID) -> None:
        """Count a document not any more that was just marked as deleted."""
        size = (
            select(func.coalesce(func.sum(DocumentVersion.size), literal(0)))
            .where(DocumentVersion.document_id == document_id)
            .scalar_subquery()
        )
        await self._session.execute(
            update(TenantUsage)
            .where(TenantUsage.tenant_id == self._tenant_id)
            .values(documents=TenantUsage.documents - 1, size=TenantUsage.size - size)
            .execution_options(synchronize_session=False)
        )

    async def count_waiting(self, most: int) -> int:
        """Count the jobs that wait, up to a number."""
        found = await self._session.execute(_WAITING, {"tenant": self._tenant_id, "most": most})
        return int(found.scalar_one())
