"""What the routes of users ask for."""

from typing import Annotated

from fastapi import Depends, Query

from muniment.identity.dependencies import CurrentCaller, Session, requires
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.profiles.models import User
from muniment.profiles.repository import UserRepository
from muniment.profiles.schemas import UserFilter
from muniment.profiles.service import UserService

CanWriteProfile = Annotated[Principal, Depends(requires(Permission.PROFILE_WRITE))]
CanReadUsers = Annotated[Principal, Depends(requires(Permission.USERS_READ))]
CanManageUsers = Annotated[Principal, Depends(requires(Permission.USERS_MANAGE))]
WantedUsers = Annotated[UserFilter, Query()]


async def _describe_caller(caller: CurrentCaller) -> User:
    return User.from_caller(caller)


async def _make_service(session: Session) -> UserService:
    return UserService(UserRepository(session))


OwnUser = Annotated[User, Depends(_describe_caller)]
"""The caller as a user, without another look into the database."""

Users = Annotated[UserService, Depends(_make_service)]
