"""The rules of reading the audit: its readers see all of their tenant, and nothing of another."""

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.models import AuditEntry
from muniment.audit.repository import NEWEST_FIRST, AuditRepository, EntryCriteria
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal, ensure
from muniment.kit.pagination import KeyValue, Page, PageRequest
from muniment.oversight.schemas import EntryFilter, EntryRead


class OversightService:
    """What auditors and admins do with the audit."""

    def __init__(self, session: AsyncSession) -> None:
        self._repository = AuditRepository(session)

    async def list_entries(
        self, principal: Principal, wanted: EntryFilter, paging: PageRequest
    ) -> Page[EntryRead]:
        """List entries of the caller's tenant, newest first. Raises PermissionDeniedError."""
        ensure(principal, Permission.AUDIT_READ)
        return await self._list(principal.tenant_id, wanted, paging)

    async def list_unassigned(
        self, principal: Principal, wanted: EntryFilter, paging: PageRequest
    ) -> Page[EntryRead]:
        """List entries of no tenant, such as refused tokens, for who operates the machine.

        Not for any route: they may be another tenant's matter. The transaction has no tenant.
        """
        ensure(principal, Permission.AUDIT_READ)
        return await self._list(None, wanted, paging)

    async def _list(
        self, tenant_id: int | None, wanted: EntryFilter, paging: PageRequest
    ) -> Page[EntryRead]:
        criteria = EntryCriteria(
            tenant_id=tenant_id,
            action=wanted.action,
            actor=wanted.actor,
            since=wanted.since,
            until=wanted.until,
        )
        page = paging.page(await self._repository.list_page(criteria, paging), NEWEST_FIRST, _key)
        return Page[EntryRead](items=[EntryRead.of(row) for row in page.items], next=page.next)


def _key(entry: AuditEntry) -> tuple[KeyValue, ...]:
    return (entry.created_at, str(entry.id))
