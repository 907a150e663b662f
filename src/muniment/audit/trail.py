"""The one call of whoever does something that is to be found later."""

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act
from muniment.audit.repository import AuditRepository
from muniment.kit.origin import origin


async def record(session: AsyncSession, act: Act) -> None:
    """Write down what is being done, in the transaction that does it.

    So "done" is never said of what was rolled back. The transaction has to be of the actor's
    tenant; one without a tenant takes entries without one alone. A failure to write fails the act.
    """
    await AuditRepository(session).add(act, origin())
