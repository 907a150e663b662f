"""The rules of sources: who adds, changes, removes and asks for them."""

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from yarl import URL

from muniment.identity.principal import Principal
from muniment.kit.egress.client import EgressClient
from muniment.kit.egress.errors import EgressError
from muniment.kit.etag import IfMatch, make_etag
from muniment.kit.pagination import Page, PageRequest
from muniment.library.repository.documents import DocumentRepository
from muniment.library.service.access import AttributeTypes, require_usable, stored_rule
from muniment.library.service.admission import Admission
from muniment.library.service.documents import uri_identity
from muniment.library.service.registration import require_editor
from muniment.ports.jobs import source_fetch
from muniment.postgres import jobs
from muniment.sources.errors import SourceNotFoundError, UrlRefusedError
from muniment.sources.models import Source
from muniment.sources.owner import write_rights
from muniment.sources.repository import NEWEST_FIRST, SourceRepository
from muniment.sources.schedule import after_success
from muniment.sources.schemas import SourceCreate, SourceFault, SourceRead, SourceUpdate


class SourceService:
    """What a caller does with sources."""

    def __init__(
        self,
        session: AsyncSession,
        egress: EgressClient,
        admission: Admission,
        attributes: AttributeTypes,
    ) -> None:
        self._session = session
        self._egress = egress
        self._admission = admission
        self._attributes = attributes
        self._repository = SourceRepository(session)

    async def add(self, principal: Principal, collection_id: UUID, wanted: SourceCreate) -> Source:
        """Add a source and have it fetched; one of the same address is taken over instead.

        Raises UrlRefusedError, AttributeNotUsableError, CollectionNotFoundError, NotAnEditorError,
        QueueFullError and TenantFullError.
        """
        try:
            url = self._egress.read_url(wanted.url)
        except EgressError as error:
            raise UrlRefusedError(error) from None
        if wanted.access is not None:
            require_usable(wanted.access, self._attributes, "/access")
        await require_editor(self._session, principal, collection_id)
        await self._admission.require_room(self._session, principal.tenant_id)
        await DocumentRepository(self._session).lock_identity(collection_id, uri_identity(url))
        source = await self._repository.find_by_url(principal, collection_id, url)
        is_new = source is None
        if source is None:
            source = Source(
                tenant_id=principal.tenant_id,
                collection_id=collection_id,
                url=url,
                host=URL(url).raw_host or "",
                status="ready",  # until it is queued below
            )
        _say_anew(source, wanted)
        write_rights(source, principal)
        if is_new:
            await self._repository.add(source)
        else:
            source.revision += 1
        return await self._fetch(source)

    async def list_in(
        self, principal: Principal, collection_id: UUID, page: PageRequest
    ) -> Page[Source]:
        """List the sources of a collection. Raises CollectionNotFoundError, NotAnEditorError."""
        await require_editor(self._session, principal, collection_id)
        rows = await self._repository.list_in(principal, collection_id, page)
        return page.page(rows, NEWEST_FIRST, lambda source: (source.id,))

    async def read(self, principal: Principal, source_id: UUID) -> Source:
        """Read one source. Raises SourceNotFoundError."""
        source = await self._repository.find(principal, source_id)
        if source is None:
            raise SourceNotFoundError
        return source

    async def change(
        self, principal: Principal, source_id: UUID, change: SourceUpdate, expected: IfMatch
    ) -> Source:
        """Change how often a source is fetched. Raises SourceNotFoundError."""
        source = await self._hold(principal, source_id)
        expected.check(source_etag(source))
        if "refetch_every" in change.model_fields_set:
            source.refetch_every = change.refetch_every
            wait = after_success(source.id, change.refetch_every)
            if source.status in {"ready", "failing"}:
                source.next_at = None if wait is None else func.now() + wait
            source.revision += 1
            await self._repository.save(source)
        return source

    async def fetch(self, principal: Principal, source_id: UUID) -> Source:
        """Have a source fetched now, whatever its schedule. Raises SourceNotFoundError."""
        source = await self._hold(principal, source_id)
        await self._admission.require_room(self._session, principal.tenant_id)
        if source.created_by == principal.user_id:
            write_rights(source, principal)
        return await self._fetch(source)

    async def remove(self, principal: Principal, source_id: UUID, expected: IfMatch) -> None:
        """Remove a source: its document stays as it is, and is not fetched any more."""
        source = await self._hold(principal, source_id)
        expected.check(source_etag(source))
        await self._repository.remove(source)

    async def _hold(self, principal: Principal, source_id: UUID) -> Source:
        source = await self._repository.find(principal, source_id, for_update=True)
        if source is None:
            raise SourceNotFoundError
        return source

    async def _fetch(self, source: Source) -> Source:
        if source.status != "queued":
            source.status, source.next_at = "queued", None
            job = source_fetch(source.tenant_id, source.id, source.created_by)
            await jobs.enqueue(self._session, [job])
        await self._repository.save(source)
        return source


def source_etag(source: Source) -> str:
    """Make the entity tag of a source: what editors change, not how its fetches went."""
    return make_etag(source.id, source.revision)


def present_source(source: Source) -> SourceRead:
    """Show a source."""
    fault = None
    if source.error_code is not None:
        fault = SourceFault(code=source.error_code, detail=source.error_detail or "")
    return SourceRead.model_validate(
        {
            "id": source.id,
            "collection_id": source.collection_id,
            "document_id": source.document_id,
            "url": source.url,
            "refetch_every": source.refetch_every,
            "status": source.status,
            "error": fault,
            "fetched_at": source.fetched_at,
            "next_fetch_at": source.next_at,
            "created_at": source.created_at,
            "updated_at": source.updated_at,
        }
    )


def _say_anew(source: Source, wanted: SourceCreate) -> None:
    """Write what was said into a source; what was not said stays as it is."""
    said = wanted.model_fields_set
    if "refetch_every" in said:
        source.refetch_every = wanted.refetch_every
    if wanted.access is not None:
        source.rule = stored_rule(wanted.access)
    if wanted.metadata is not None:
        source.meta = wanted.metadata
    if wanted.access is not None or wanted.metadata is not None:
        # What is unchanged has nothing to be given to, so it is fetched whole.
        source.validators_url = source.etag = source.last_modified = None
    source.failures = 0
