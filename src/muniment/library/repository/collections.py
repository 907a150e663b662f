"""Every query on collections and grants."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Text, any_, case, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.kit.pagination import Ordering, PageRequest
from muniment.library.access_rules import RuleJson
from muniment.library.models import Collection, CollectionGrant, Document
from muniment.library.policy import collection_predicate
from muniment.library.repository.documents import emptying_lock
from muniment.ports.jobs import PURGE_DOCUMENT, UNTIL_DONE

BY_ID = Ordering("collections.id", (UUID,))
BY_PRINCIPAL = Ordering("grants.principal", (str,))


_PURGE_ALL = text(
    """
    with gone as (
        update document set deleted_at = now(), updated_at = now()
        where collection_id = :collection and deleted_at is null
        returning id, tenant_id
    ), freed as (
        select g.tenant_id, count(distinct g.id) as documents, coalesce(sum(v.bytes), 0) as bytes
        from gone g left join document_version v on v.document_id = g.id group by g.tenant_id
    ), counted as (
        update tenant_usage u set documents = u.documents - f.documents, bytes = u.bytes - f.bytes
        from freed f where u.tenant_id = f.tenant_id
    )
    insert into job (tenant_id, kind, key, payload, max_attempts, run_at)
    select tenant_id, :kind, id::text, jsonb_build_object('document_id', id::text), :attempts,
           'epoch'
    from gone
    """
)


@dataclass(frozen=True, slots=True)
class CollectionView:
    """A collection and what the caller holds in it."""

    collection: Collection
    role: str | None


class CollectionRepository:
    """Collections and their grants, as one caller may know of them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, collection: Collection, owner: str) -> None:
        """Add a collection with its first owner."""
        self._session.add(collection)
        await self._session.flush()
        await self.put_grant(collection.id, collection.tenant_id, owner, "owner")

    async def list_visible(self, principal: Principal, page: PageRequest) -> list[CollectionView]:
        """List the collections that the caller may know of, oldest first."""
        statement = select(Collection, own_role(principal)).where(_visible(principal))
        after = page.after(BY_ID)
        if after is not None:
            statement = statement.where(Collection.id > after[0])
        rows = await self._session.execute(
            statement.order_by(Collection.id).limit(page.fetch_limit)
        )
        return [CollectionView(*row) for row in rows]

    async def find_visible(
        self, principal: Principal, collection_id: UUID, *, for_update: bool = False
    ) -> CollectionView | None:
        """Find a collection that the caller may know of; `for_update` stops all who add to it."""
        statement = (
            select(Collection, own_role(principal))
            .where(Collection.id == collection_id, _visible(principal))
            .execution_options(populate_existing=True)
        )
        if for_update:
            statement = statement.with_for_update(of=Collection)
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else CollectionView(*row)

    async def hold_for_adding(self, principal: Principal, collection_id: UUID) -> bool:
        """Keep a collection that the caller may edit from being deleted while documents come."""
        found = await self._session.scalar(
            select(Collection.id)
            .where(
                Collection.id == collection_id,
                collection_predicate(principal, "collection_editors"),
            )
            .with_for_update(read=True, key_share=True, of=Collection)
        )
        return found is not None

    async def default_rule(self, collection_id: UUID) -> RuleJson | None:
        """Read the rule of documents that come without one, of a collection that is held."""
        statement = select(Collection.default_rule).where(Collection.id == collection_id)
        rule: RuleJson | None = await self._session.scalar(statement)
        return rule

    async def save(self, collection: Collection) -> None:
        """Write what was changed in a collection; its time of change is the database's."""
        collection.updated_at = func.now()
        await self._session.flush()
        await self._session.refresh(collection, ("updated_at",))

    async def remove_with_documents(self, collection: Collection) -> None:
        """Take a collection and its documents out of sight, and ask for their removal.

        One statement marks the documents and enqueues what removes them, however many they are.
        The job that removes the last document removes the collection's row.
        """
        await self._session.execute(
            _PURGE_ALL,
            {"collection": collection.id, "kind": PURGE_DOCUMENT, "attempts": UNTIL_DONE},
        )
        await self._session.execute(
            update(Collection)
            .where(Collection.id == collection.id)
            .values(deleted_at=func.now(), updated_at=func.now(), revision=collection.revision + 1)
        )
        await self._session.execute(emptying_lock(collection.id))
        left = select(Document.id).where(Document.collection_id == collection.id).exists()
        await self._session.execute(
            delete(Collection)
            .where(Collection.id == collection.id, ~left)
            .execution_options(synchronize_session=False)
        )

    async def list_grants(self, collection_id: UUID, page: PageRequest) -> list[CollectionGrant]:
        """List the grants of a collection, by principal."""
        statement = select(CollectionGrant).where(CollectionGrant.collection_id == collection_id)
        after = page.after(BY_PRINCIPAL)
        if after is not None:
            statement = statement.where(CollectionGrant.principal > after[0])
        ordered = statement.order_by(CollectionGrant.principal).limit(page.fetch_limit)
        return list((await self._session.scalars(ordered)).all())

    async def find_grants(
        self, collection_id: UUID, names: AbstractSet[str]
    ) -> Sequence[CollectionGrant]:
        """Find the grants of a principal, by all of its names."""
        held = select(CollectionGrant).where(
            CollectionGrant.collection_id == collection_id, CollectionGrant.principal.in_(names)
        )
        return (await self._session.scalars(held)).all()

    async def has_other_owner(self, collection_id: UUID, names: AbstractSet[str]) -> bool:
        """Tell whether anybody but the principal of these names owns the collection."""
        found = await self._session.scalar(
            select(CollectionGrant.principal)
            .where(
                CollectionGrant.collection_id == collection_id,
                CollectionGrant.role == "owner",
                CollectionGrant.principal.not_in(names),
            )
            .limit(1)
        )
        return found is not None

    async def put_grant(
        self, collection_id: UUID, tenant_id: int, principal: str, role: str
    ) -> CollectionGrant:
        """Give a role to a principal, in the place of the one that it held."""
        grant = insert(CollectionGrant).values(
            collection_id=collection_id, tenant_id=tenant_id, principal=principal, role=role
        )
        put = grant.on_conflict_do_update(
            index_elements=["collection_id", "principal"], set_={"role": grant.excluded.role}
        ).returning(CollectionGrant)
        rows = await self._session.scalars(put, execution_options={"populate_existing": True})
        return rows.one()

    async def move_grant(self, grant: CollectionGrant, principal: str) -> None:
        """Put a grant under another name of its principal, with the moment it was given."""
        self._session.add(
            CollectionGrant(
                collection_id=grant.collection_id,
                tenant_id=grant.tenant_id,
                principal=principal,
                role=grant.role,
                created_at=grant.created_at,
            )
        )
        await self.remove_grants([grant])

    async def remove_grants(self, grants: Iterable[CollectionGrant]) -> None:
        """Take grants away."""
        for grant in grants:
            await self._session.delete(grant)
        await self._session.flush()


def own_role(principal: Principal) -> ColumnElement[str | None]:
    """Select the strongest role that the caller holds in the collection of the row."""
    strength = case({"owner": 0, "editor": 1}, value=CollectionGrant.role, else_=2)
    return (
        select(CollectionGrant.role)
        .where(
            CollectionGrant.collection_id == Collection.id,
            CollectionGrant.principal == any_(literal(sorted(principal.names), ARRAY(Text))),
        )
        .order_by(strength)
        .limit(1)
        .correlate(Collection)
        .scalar_subquery()
        .label("role")
    )


def _visible(principal: Principal) -> ColumnElement[bool]:
    """Say which collections the caller may know of: an admin of grants knows all of the tenant."""
    if Permission.GRANTS_MANAGE in principal.permissions:
        return (Collection.tenant_id == principal.tenant_id) & Collection.deleted_at.is_(None)
    return collection_predicate(principal, "collection_grantees")
