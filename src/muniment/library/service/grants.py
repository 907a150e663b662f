"""The rules of grants: owners, and admins without reading anything, decide who gets in."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal, ensure
from muniment.kit.pagination import Page, PageRequest
from muniment.library.errors import (
    CollectionNotFoundError,
    GrantNotFoundError,
    LastOwnerError,
    NotAnOwnerError,
)
from muniment.library.models import Collection, CollectionGrant
from muniment.library.repository.collections import BY_PRINCIPAL, CollectionRepository
from muniment.library.schemas.collections import GrantWrite


class GrantService:
    """What owners and admins do with the grants of a collection."""

    def __init__(self, session: AsyncSession) -> None:
        self._repository = CollectionRepository(session)

    async def list_grants(
        self, principal: Principal, collection_id: UUID, page: PageRequest
    ) -> Page[CollectionGrant]:
        """List who holds which role."""
        await self._require_managed(principal, collection_id)
        rows = await self._repository.list_grants(collection_id, page)
        return page.page(rows, BY_PRINCIPAL, lambda grant: (grant.principal,))

    async def give(
        self, principal: Principal, collection_id: UUID, wanted: GrantWrite
    ) -> tuple[CollectionGrant, bool]:
        """Give a role to a principal, and say whether it held none before."""
        collection = await self._require_managed(principal, collection_id, for_update=True)
        held = await self._repository.find_grant(collection_id, wanted.principal)
        if held is not None and held.role == "owner" and wanted.role != "owner":
            await self._require_other_owner(collection_id, wanted.principal)
        is_new = held is None
        grant = await self._repository.put_grant(
            collection_id, collection.tenant_id, wanted.principal, wanted.role
        )
        return grant, is_new

    async def take_away(self, principal: Principal, collection_id: UUID, grantee: str) -> None:
        """Take the role of a principal away. Raises GrantNotFoundError and LastOwnerError."""
        await self._require_managed(principal, collection_id, for_update=True)
        grant = await self._repository.find_grant(collection_id, grantee)
        if grant is None:
            raise GrantNotFoundError
        if grant.role == "owner":
            await self._require_other_owner(collection_id, grantee)
        await self._repository.remove_grant(grant)

    async def _require_managed(
        self, principal: Principal, collection_id: UUID, *, for_update: bool = False
    ) -> Collection:
        view = await self._repository.find_visible(principal, collection_id, for_update=for_update)
        if view is None:
            raise CollectionNotFoundError
        if Permission.GRANTS_MANAGE not in principal.permissions:
            if view.role != "owner":
                raise NotAnOwnerError
            ensure(principal, Permission.COLLECTIONS_WRITE)
        return view.collection

    async def _require_other_owner(self, collection_id: UUID, grantee: str) -> None:
        if not await self._repository.has_other_owner(collection_id, grantee):
            raise LastOwnerError
