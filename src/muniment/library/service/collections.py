"""The rules of collections: who sees, changes and deletes them."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Details, Target
from muniment.audit.trail import record
from muniment.identity.idempotency import forget_answers_about
from muniment.identity.principal import Principal
from muniment.kit.etag import IfMatch, make_etag
from muniment.kit.pagination import Page, PageRequest
from muniment.library.access_rules import AccessRule, RuleJson
from muniment.library.errors import CollectionNotFoundError, NotAnOwnerError
from muniment.library.models import Collection
from muniment.library.repository.collections import BY_ID, CollectionRepository, CollectionView
from muniment.library.schemas.collections import CollectionCreate, CollectionUpdate
from muniment.library.service.access import stored_rule
from muniment.library.service.rule_check import RuleCheck, require_known_users


class CollectionService:
    """What a caller does with collections."""

    def __init__(self, session: AsyncSession, rules: RuleCheck) -> None:
        self._session = session
        self._rules = rules
        self._repository = CollectionRepository(session)

    async def create(self, principal: Principal, wanted: CollectionCreate) -> CollectionView:
        """Make a collection; its maker owns it by a grant like any other.

        Raises what `RuleCheck` does.
        """
        await self._require_usable(wanted.default_access)
        collection = Collection(
            tenant_id=principal.tenant_id,
            name=wanted.name,
            description=wanted.description,
            language=wanted.language,
            default_rule=_stored(wanted.default_access),
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
        """Change name or settings.

        Raises CollectionNotFoundError, NotAnOwnerError and what `RuleCheck` does.
        """
        view = await self._hold_owned(principal, collection_id, expected)
        collection = view.collection
        for name in change.model_fields_set - {"default_access"}:
            setattr(collection, name, getattr(change, name))
        if "default_access" in change.model_fields_set:
            await self._replace_default(principal, collection, change.default_access)
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

    async def _require_usable(self, rule: AccessRule | None) -> None:
        if rule is not None:
            self._rules.require_usable(rule, "/default_access")
            await require_known_users(self._session, rule, "/default_access")

    async def _replace_default(
        self, principal: Principal, collection: Collection, rule: AccessRule | None
    ) -> None:
        await self._require_usable(rule)
        if _stored(rule) == collection.default_rule:
            return
        collection.default_rule = _stored(rule)
        details = Details(collection_id=collection.id, is_restricted=rule is not None)
        target = Target("collection", collection.id)
        await record(
            self._session, Act(Action.DEFAULT_RULE_CHANGED, principal.actor, target, details)
        )

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


def _stored(rule: AccessRule | None) -> RuleJson | None:
    return None if rule is None else stored_rule(rule)


def collection_etag(collection: Collection) -> str:
    """Make the entity tag of a collection."""
    return make_etag(collection.id, collection.revision)
