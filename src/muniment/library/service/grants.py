"""The rules of grants: owners, and admins without reading anything, decide who gets in."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Details, Target, principal_in_trail
from muniment.audit.trail import record
from muniment.identity.known import KnownNames
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal, ensure
from muniment.kit.pagination import Page, PageRequest
from muniment.library.errors import (
    CollectionNotFoundError,
    GrantNotFoundError,
    LastOwnerError,
    NotAnOwnerError,
    UnknownUserError,
)
from muniment.library.models import Collection, CollectionGrant
from muniment.library.repository.collections import BY_PRINCIPAL, CollectionRepository
from muniment.library.repository.grantees import Grantee, find_grantee
from muniment.library.schemas.collections import GrantWrite


class GrantService:
    """What owners and admins do with the grants of a collection."""

    def __init__(self, session: AsyncSession, known: KnownNames) -> None:
        self._session = session
        self._known = known
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
        """Give a role to a principal, and say whether it held none before.

        Raises LastOwnerError; UnknownRoleError, UnknownIssuerError and UnknownUserError for who
        could never make use of it.
        """
        collection = await self._require_managed(principal, collection_id, for_update=True)
        grantee, held = await self._find_held(collection, wanted.principal)
        self._require_known(grantee)
        if wanted.role != "owner":
            await self._require_other_owner(collection, grantee, held)
        for grant in held:
            if grant.principal != grantee.name:
                await self._repository.move_grant(grant, grantee.name)
        grant = await self._repository.put_grant(
            collection_id, collection.tenant_id, grantee.name, wanted.role
        )
        await self._record(principal, Action.GRANT_GIVEN, grant)
        return grant, not held

    async def take_away(self, principal: Principal, collection_id: UUID, name: str) -> None:
        """Take the role of a principal away. Raises GrantNotFoundError and LastOwnerError."""
        collection = await self._require_managed(principal, collection_id, for_update=True)
        grantee, held = await self._find_held(collection, name)
        if not held:
            raise GrantNotFoundError
        await self._require_other_owner(collection, grantee, held)
        await self._repository.remove_grants(held)
        for grant in held:
            await self._record(principal, Action.GRANT_TAKEN, grant)

    async def _record(self, principal: Principal, action: Action, grant: CollectionGrant) -> None:
        details = Details(principal=principal_in_trail(grant.principal), role=grant.role)
        target = Target("collection", grant.collection_id)
        await record(self._session, Act(action, principal.actor, target, details))

    def _require_known(self, grantee: Grantee) -> None:
        """Refuse what is likely a slip: it would let nobody in, without a word."""
        kind, _, rest = grantee.name.partition(":")
        if kind == "role":
            self._known.require_role(rest, "/principal")
        elif not grantee.is_known:
            issuer, bar, _ = rest.partition("|")
            if not bar:
                raise UnknownUserError("/principal")
            self._known.require_issuer(issuer, "/principal")

    async def _find_held(
        self, collection: Collection, name: str
    ) -> tuple[Grantee, Sequence[CollectionGrant]]:
        """Find who is meant, and what they hold: at most one grant, under whichever name.

        The collection is locked, so that nobody gives them another one meanwhile.
        """
        grantee = await find_grantee(self._session, collection.tenant_id, name)
        return grantee, await self._repository.find_grants(collection.id, grantee.names)

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

    async def _require_other_owner(
        self, collection: Collection, grantee: Grantee, held: Sequence[CollectionGrant]
    ) -> None:
        """Refuse to take ownership from who alone has it."""
        if any(grant.role == "owner" for grant in held) and not (
            await self._repository.has_other_owner(collection.id, grantee.names)
        ):
            raise LastOwnerError
