"""Room for what is to come: refused clearly before anything fills up, and counted when it is there.

What is known before the body is read is asked then (`Admission`), so that nobody sends a gigabyte
to hear that there is no room. What the limits of a tenant promise, the registration decides
(`count_growth`): it holds the count, so that no two requests share the last place.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.library.errors import QueueFullError, StorageLowError, TenantFullError
from muniment.library.repository.usage import Usage, UsageRepository
from muniment.library.settings import TenantLimits
from muniment.ports.originals import Originals


class Admission:
    """Says no to uploads while there is no room; one for the whole process."""

    def __init__(self, originals: Originals, limits: TenantLimits, min_free_bytes: int) -> None:
        self._originals = originals
        self._limits = limits
        self._min_free_bytes = min_free_bytes

    async def require_room(self, session: AsyncSession, tenant_id: int) -> None:
        """Ask whether the tenant may add at all. Raises TenantFullError and QueueFullError."""
        usage = UsageRepository(session, tenant_id)
        most = self._limits.waiting
        if await usage.count_waiting(most) >= most:
            raise QueueFullError(most)
        if self._limits.bytes is not None:
            require_within(await usage.find(), Usage(size=1), self._limits)

    async def require_space(self, announced_bytes: int) -> None:
        """Ask whether so much can be stored besides what stays free. Raises StorageLowError."""
        free = await self._originals.free_bytes()
        if free is not None and free - announced_bytes < self._min_free_bytes:
            raise StorageLowError


async def count_growth(
    session: AsyncSession, tenant_id: int, growth: Usage, limits: TenantLimits
) -> None:
    """Count what a transaction has added, as its last step. Raises TenantFullError."""
    if growth == Usage():
        return
    after = await UsageRepository(session, tenant_id).add(growth)
    before = Usage(after.documents - growth.documents, after.size - growth.size)
    require_within(before, growth, limits)


def require_within(before: Usage, growth: Usage, limits: TenantLimits) -> None:
    """Refuse growth beyond a limit; what does not grow is not asked. Raises TenantFullError."""
    most = limits.documents
    if most is not None and growth.documents and before.documents + growth.documents > most:
        raise TenantFullError(f"{most} documents")
    most = limits.bytes
    if most is not None and growth.size and before.size + growth.size > most:
        raise TenantFullError(f"{most} bytes")
