"""The rules about users and their profiles."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Target
from muniment.audit.trail import record
from muniment.identity.known import KnownNames
from muniment.identity.principal import Principal
from muniment.kit.etag import IfMatch
from muniment.kit.merge_patch import merge_patch
from muniment.kit.pagination import Page, PageRequest
from muniment.profiles.errors import (
    OwnAccountError,
    TooManyPreferencesError,
    UserExistsError,
    UserNotFoundError,
)
from muniment.profiles.models import User
from muniment.profiles.repository import USERS_BY_AGE, UserRepository
from muniment.profiles.schemas import ProfileUpdate, UserCreate, UserFilter, UserUpdate

MAX_PREFERENCES: Final = 64


class UserService:
    """What callers do with their own profile, and administrators with users."""

    def __init__(self, session: AsyncSession, known: KnownNames) -> None:
        self._session = session
        self._users = UserRepository(session)
        self._known = known

    async def update_profile(
        self, principal: Principal, patch: ProfileUpdate, expected: IfMatch
    ) -> User:
        """Merge changes into the caller's own profile."""
        user = await self._get_for_update(principal.user_id, expected)
        changes = _merge(user.profile, patch.model_dump(exclude_unset=True))
        if changes:
            await self._users.write_profile(user.id, principal.tenant_id, changes)
            await self._users.revise(user.id)
        return replace(await self.read(user.id), principal=principal)

    async def list_users(self, wanted: UserFilter, paging: PageRequest) -> Page[User]:
        """List the users of the tenant, oldest first."""
        users = await self._users.list_page(wanted, paging)
        return paging.page(users, USERS_BY_AGE, lambda user: (user.id,))

    async def add(self, principal: Principal, body: UserCreate) -> User:
        """Make a user known before their first sign-in.

        Raises UnknownIssuerError and UserExistsError.
        """
        self._known.require_issuer(body.issuer, "/issuer")
        user_id = await self._users.add(principal.tenant_id, body.issuer, body.subject)
        if user_id is None:
            raise UserExistsError
        await self._record(principal, Action.USER_PROVISIONED, user_id)
        return await self.read(user_id)

    async def read(self, user_id: UUID) -> User:
        """Give one user of the tenant. Raises UserNotFoundError."""
        user = await self._users.find(user_id)
        if user is None:
            raise UserNotFoundError
        return user

    async def change_status(
        self, principal: Principal, user_id: UUID, change: UserUpdate, expected: IfMatch
    ) -> User:
        """Disable a user or let them in again; it holds from their next request on."""
        user = await self._get_for_update(user_id, expected)
        if change.status != user.status:
            _ensure_other(principal, user_id)
            await self._users.write_status(user_id, change.status)
            await self._users.revise(user_id)
            is_out = change.status == "disabled"
            action = Action.USER_DISABLED if is_out else Action.USER_ENABLED
            await self._record(principal, action, user_id)
        return await self.read(user_id)

    async def erase(self, principal: Principal, user_id: UUID, expected: IfMatch) -> None:
        """Take all personal data of a user away, for good. Raises UserNotFoundError."""
        _ensure_other(principal, user_id)
        await self._get_for_update(user_id, expected)
        if not await self._users.erase(user_id):
            raise UserNotFoundError
        await self._record(principal, Action.USER_ERASED, user_id)

    async def _record(self, principal: Principal, action: Action, user_id: UUID) -> None:
        act = Act(action, principal.actor, Target("user", user_id))
        await record(self._session, act)

    async def _get_for_update(self, user_id: UUID, expected: IfMatch) -> User:
        """Give a user as the caller saw them, locked, so that no change is lost."""
        user = await self._users.find_for_update(user_id)
        if user is None:
            raise UserNotFoundError
        expected.check(user.etag)
        return user


def _ensure_other(principal: Principal, user_id: UUID) -> None:
    """Refuse what would lock the caller out; whether other admins exist only the issuer knows."""
    if user_id == principal.user_id:
        raise OwnAccountError


def _merge(
    profile: Mapping[str, JsonValue], patch: Mapping[str, JsonValue]
) -> Mapping[str, JsonValue]:
    """Give the columns that a patch changes, with their new values."""
    changes = {name: merge_patch(profile.get(name), value) for name, value in patch.items()}
    preferences = changes.get("preferences")
    if isinstance(preferences, Mapping) and len(preferences) > MAX_PREFERENCES:
        raise TooManyPreferencesError(MAX_PREFERENCES)
    return {name: value for name, value in changes.items() if value != profile.get(name)}
