"""Every query on sources: as a caller may see them, and as the job that fetches one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import and_, case, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.models import Account
from muniment.identity.principal import Principal
from muniment.kit.pagination import Ordering, PageRequest
from muniment.library.models import Collection, Document
from muniment.ports.jobs import NewJob, source_fetch
from muniment.sources.errors import RIGHTS_EXPIRED
from muniment.sources.models import Source
from muniment.sources.policy import source_predicate

NEWEST_FIRST = Ordering("sources.newest", (UUID,))

# For each tenant one of each host at a time, so that no server meets all of its documents at once;
# the tenants do not learn of each other. The workers that look at the same moment find the same
# ones, and the first to lock them takes them.
_TAKE_DUE = text(
    """
    with due as (
        select distinct on (tenant_id, host) id from source s
        where next_at <= now()
          and not exists (
            select from source o
            where o.tenant_id = s.tenant_id and o.host = s.host and o.status = 'queued')
        order by tenant_id, host, next_at, id
    ), picked as (
        select s.id from source s join due using (id)
        where s.next_at <= now() for update of s skip locked
    )
    update source set status = 'queued', next_at = null, updated_at = now()
    from picked where source.id = picked.id
    returning source.tenant_id, source.id, source.created_by
    """
)

_OWNER = text("select issuer, subject, status, tenant from muniment_source_owner(:source)")


def rights_of(principal: Principal) -> dict[str, object]:
    """Give what a source keeps of its owner's rights: with a key, they are no younger than its."""
    return {
        "roles": sorted(principal.roles),
        "groups": sorted(principal.groups),
        "group_prefix": principal.group_prefix,
        "attributes": dict(principal.attributes),
        "verified_at": principal.verified_at or func.now(),
    }


@dataclass(frozen=True, slots=True)
class OwnerAccount:
    """The account in whose name a source is fetched."""

    issuer: str
    subject: str
    status: str
    tenant: str


class SourceRepository:
    """Sources as one caller may see them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_in(
        self, principal: Principal, collection_id: UUID, page: PageRequest
    ) -> list[Source]:
        """List the sources of a collection that the caller may see, newest first."""
        statement = select(Source).where(
            Source.collection_id == collection_id, source_predicate(principal)
        )
        after = page.after(NEWEST_FIRST)
        if after is not None:
            statement = statement.where(Source.id < after[0])
        ordered = statement.order_by(Source.id.desc()).limit(page.fetch_limit)
        return list((await self._session.scalars(ordered)).all())

    async def find(
        self, principal: Principal, source_id: UUID, *, for_update: bool = False
    ) -> Source | None:
        """Find a source that the caller may see."""
        statement = (
            select(Source)
            .where(Source.id == source_id, source_predicate(principal))
            .execution_options(populate_existing=True)
        )
        if for_update:
            statement = statement.with_for_update(of=Source)
        return (await self._session.scalars(statement)).one_or_none()

    async def find_by_url(
        self, principal: Principal, collection_id: UUID, url: str
    ) -> Source | None:
        """Find the source of an address among those that the caller may see, for update."""
        statement = (
            select(Source)
            .where(Source.collection_id == collection_id, Source.url == url)
            .where(source_predicate(principal))
            .order_by(Source.id)
            .limit(1)
            .with_for_update(of=Source)
        )
        return (await self._session.scalars(statement)).one_or_none()

    async def renew(self, principal: Principal, older_than: timedelta) -> None:
        """Keep what a token of the owner of sources says; what stopped for want of it is due.

        What somebody else works on at the moment is left for the owner's next token.
        """
        stale = (
            select(Source.id)
            .where(Source.created_by == principal.user_id)
            .where(Source.verified_at < func.now() - older_than)
            .where(exists().where(Account.id == principal.user_id, Account.status == "active"))
            .with_for_update(of=Source, skip_locked=True)
            .cte()
        )
        resumes = and_(Source.status == "stopped", Source.error_code == RIGHTS_EXPIRED)
        values = {
            **rights_of(principal),
            "status": case((resumes, "failing"), else_=Source.status),
            "next_at": case((resumes, func.now()), else_=Source.next_at),
            "updated_at": func.now(),
        }
        await self._session.execute(
            update(Source).where(Source.id.in_(select(stale.c.id))).values(values),
            execution_options={"synchronize_session": False},
        )

    async def add(self, source: Source) -> None:
        """Add a source."""
        self._session.add(source)
        await self._session.flush()

    async def remove(self, source: Source) -> None:
        """Remove a source; its document stays."""
        await self._session.delete(source)
        await self._session.flush()

    async def save(self, source: Source) -> None:
        """Write what was changed in a source; its time of change is the database's."""
        source.updated_at = func.now()
        await self._session.flush()
        await self._session.refresh(source, ("updated_at", "created_at", "next_at", "verified_at"))


class FetchRepository:
    """Sources as the job sees them that fetches one, as the worker role."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, source_id: UUID, *, for_update: bool = False) -> Source | None:
        """Find a source that is still wanted; None where it, or what it is for, was deleted."""
        statement = (
            select(Source)
            .join(Collection, Collection.id == Source.collection_id)
            .outerjoin(Document, Document.id == Source.document_id)
            .where(Source.id == source_id)
            .where(Collection.deleted_at.is_(None), Document.deleted_at.is_(None))
            .execution_options(populate_existing=True)
        )
        if for_update:
            statement = statement.with_for_update(of=Source)
        return (await self._session.scalars(statement)).one_or_none()

    async def find_owner(self, source: Source) -> OwnerAccount | None:
        """Read the account in whose name a source is fetched; None if that was just removed."""
        found = await self._session.execute(_OWNER, {"source": source.id})
        row = found.one_or_none()
        return None if row is None else OwnerAccount(*row)

    async def write(self, source: Source, values: Mapping[str, object]) -> None:
        """Write what a fetch has come to."""
        for name, value in values.items():
            setattr(source, name, value)
        source.updated_at = func.now()
        await self._session.flush()


async def take_due(session: AsyncSession) -> list[NewJob]:
    """Queue the sources of all tenants that are due, and give the jobs that fetch them."""
    rows = await session.execute(_TAKE_DUE)
    return [source_fetch(row.tenant_id, row.id, row.created_by) for row in rows]
