"""The rules of collections: who sees, changes and deletes them."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Target
from muniment.audit.trail import record
from muniment.identity.idempotency import forget_answers_about
from muniment.identity.principal import Principal
from muniment.kit.etag import IfMatch, make_etag
from muniment.kit.pagination import Page, PageRequest
from muniment.library.errors import CollectionNotFoundError, NotAnOwnerError
from muniment.library.models import Collection
from muniment.library.repository.collections import BY_ID, CollectionRepository, CollectionView
from muniment.library.schemas.collections import CollectionCreate, CollectionUpdate


class CollectionService:
    """What a caller does with collections."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._repository = CollectionRepository(session)

    async def create(self, principal: Principal, wanted: CollectionCreate) -> CollectionView:
        """Make a collection; its maker owns it by a grant like any other."""
        collection = Collection(
            tenant_id=principal.tenant_id,
            name=wanted.name,
            description=wanted.description,
            language=wanted.language,
            created_by=principal.user_id,
        )
        await self._repository.add(collection, f"user:{principal.user_id}")
        return CollectionView(collection, "owner")

    async def list_visible(self, principal: Principal, page: PageRequest) -> Page[CollectionView]:
        """List the collections that the caller may know of."""
        rows = await self._repository.list_visible(principal, page)
        return page.page(rows, BY_ID, lambda view: (view.collection.id,))

    async def read(self, principal: Principal, collection_id: UUID) -> CollectionView:
        """Read one collection. Raises CollectionNotFoundError."""
        view = await self._repository.find_visible(principal, collection_id)
        if view is None:
            raise CollectionNotFoundError
        return view

    async def change(
        self,
        principal: Principal,
        collection_id: UUID,
        change: CollectionUpdate,
        expected: IfMatch,
    ) -> CollectionView:
        """Change name or settings. Raises CollectionNotFoundError and NotAnOwnerError."""
        view = await self._hold_owned(principal, collection_id, expected)
        collection = view.collection
        for name in change.model_fields_set:
            setattr(collection, name, getattr(change, name))
        if self._session.is_modified(collection):
            collection.revision += 1
            await self._repository.save(collection)
        return view

    async def delete(self, principal: Principal, collection_id: UUID, expected: IfMatch) -> None:
        """Take a collection and all its documents away: gone for everybody at commit."""
        view = await self._hold_owned(principal, collection_id, expected)
        await self._repository.remove_with_documents(view.collection)
        await forget_answers_about(self._session, principal.tenant_id, collection_id)
        target = Target("collection", collection_id)
        await record(self._session, Act(Action.COLLECTION_DELETED, principal.actor, target))

    async def _hold_owned(
        self, principal: Principal, collection_id: UUID, expected: IfMatch
    ) -> CollectionView:
        view = await self._repository.find_visible(principal, collection_id, for_update=True)
        if view is None:
            raise CollectionNotFoundError
        if view.role != "owner":
            raise NotAnOwnerError
        expected.check(collection_etag(view.collection))
        return view


def collection_etag(collection: Collection) -> str:
    """Make the entity tag of a collection."""
    return make_etag(collection.id, collection.revision)
