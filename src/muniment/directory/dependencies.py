"""What the route of the directory asks for."""

from typing import Annotated

from fastapi import Depends, Query

from muniment.directory.schemas import PickQuery
from muniment.directory.service import DirectoryService
from muniment.identity.dependencies import Session, requires
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import SystemClock
from muniment.kit.state import from_state

CanShare = Annotated[Principal, Depends(requires(Permission.COLLECTIONS_WRITE))]
Wanted = Annotated[PickQuery, Query()]


async def _make_service(
    session: Session,
    principal: CanShare,
    identity: Annotated[IdentitySettings, Depends(from_state("identity", IdentitySettings))],
) -> DirectoryService:
    return DirectoryService(session, principal, identity, SystemClock())


Directory = Annotated[DirectoryService, Depends(_make_service)]
