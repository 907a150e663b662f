"""What the trail of a test database says, read past its walls."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import select

from muniment.audit.models import AuditEntry
from tests.support.database import TestDatabase


@dataclass(frozen=True)
class Entry:
    """One entry, as far as tests ask."""

    action: str
    outcome: str
    actor: str
    actor_id: UUID | None
    tenant_id: int | None
    object_kind: str | None
    object_id: UUID | None
    details: dict[str, JsonValue]
    request_id: str | None
    address: IPv4Address | IPv6Address | None
    count: int


async def trail_of(database: TestDatabase, *actions: str) -> Sequence[Entry]:
    """Read the entries in the order they were written, all or those of some actions."""
    names = list(Entry.__annotations__)
    statement = select(*(getattr(AuditEntry, name) for name in names)).order_by(AuditEntry.id)
    if actions:
        statement = statement.where(AuditEntry.action.in_(actions))
    async with database.owner.connect() as owner:
        return [Entry(*row) for row in await owner.execute(statement)]
