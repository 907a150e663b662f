"""Who finds whom: what the tenant's settings allow, and nothing beyond the tenant."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.directory.models import Found
from muniment.directory.repository import DirectoryRepository
from muniment.identity.names import covering_groups
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock

_KEPT_AGES: Final = 30
"""Groups count for that many times `rights_max_age`, a month by default: to be found lets nobody
in, and who is on holiday is still a colleague."""
_LONGEST_AGE: Final = timedelta(days=365)
"""Older rights of a user count for nothing here, whatever the settings say."""


class DirectoryService:
    """Finds people and groups to share with."""

    def __init__(
        self, session: AsyncSession, principal: Principal, settings: IdentitySettings, clock: Clock
    ) -> None:
        self._found = DirectoryRepository(session, principal.tenant_id)
        self._rules = settings.directory
        self._groups = frozenset(
            path
            for group in principal.groups
            for path in covering_groups(group, principal.group_prefix)
        )
        self._age = _KEPT_AGES * min(settings.rights_max_age, _LONGEST_AGE / _KEPT_AGES)
        self._clock = clock

    async def find(self, query: str, limit: int) -> Sequence[Found]:
        """Give those whose name has the text in it, the likelier first."""
        found = [*await self._people(query, limit), *await self._named_groups(query, limit)]
        return sorted(found, key=lambda one: one.place)[:limit]

    async def _people(self, query: str, limit: int) -> Sequence[Found]:
        match self._rules.people:
            case "tenant":
                return await self._found.find_people(query, limit)
            case "groups":
                return await self._found.find_colleagues(query, limit, self._groups, self._since())
            case "nobody":
                return ()

    async def _named_groups(self, query: str, limit: int) -> Sequence[Found]:
        match self._rules.groups:
            case "tenant":
                return await self._found.find_groups(query, limit, self._groups, self._since())
            case "own":
                return await self._found.find_among(query, limit, self._groups)
            case "nobody":
                return ()

    def _since(self) -> datetime:
        return self._clock.now() - self._age
