"""What the route of the audit asks for."""

from typing import Annotated

from fastapi import Depends, Query

from muniment.identity.dependencies import Session, requires
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.oversight.schemas import EntryFilter
from muniment.oversight.service import OversightService

CanReadAudit = Annotated[Principal, Depends(requires(Permission.AUDIT_READ))]
WantedEntries = Annotated[EntryFilter, Query()]


async def _make_service(session: Session) -> OversightService:
    return OversightService(session)


Oversight = Annotated[OversightService, Depends(_make_service)]
