"""What the routes of users ask for."""

from typing import Annotated

from fastapi import Depends, Query

from muniment.identity.dependencies import Session, requires
from muniment.identity.known import KnownNames
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.state import from_state
from muniment.profiles.schemas import UserFilter
from muniment.profiles.service import UserService

CanWriteProfile = Annotated[Principal, Depends(requires(Permission.PROFILE_WRITE))]
CanReadUsers = Annotated[Principal, Depends(requires(Permission.USERS_READ))]
CanManageUsers = Annotated[Principal, Depends(requires(Permission.USERS_MANAGE))]
WantedUsers = Annotated[UserFilter, Query()]


async def _make_service(
    session: Session,
    identity: Annotated[IdentitySettings, Depends(from_state("identity", IdentitySettings))],
) -> UserService:
    return UserService(session, KnownNames(identity))


Users = Annotated[UserService, Depends(_make_service)]
