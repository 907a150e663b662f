"""The rules of sources: who adds, changes, removes and asks for them."""

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from yarl import URL

from muniment.audit.acts import Act, Action, Details, Target
from muniment.audit.trail import record
from muniment.identity.idempotency import forget_answers_about
from muniment.identity.principal import Principal
from muniment.kit.egress.client import EgressClient
from muniment.kit.egress.errors import EgressError
from muniment.kit.etag import IfMatch, make_etag
from muniment.kit.pagination import Page, PageRequest
from muniment.library.access_rules import AccessRule
from muniment.library.repository.documents import DocumentRepository
from muniment.library.service.access import stored_rule
from muniment.library.service.admission import Admission
from muniment.library.service.documents import DocumentService, uri_identity
from muniment.library.service.registration import require_editor
from muniment.library.service.rule_check import RuleCheck, require_known_users
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
        documents: DocumentService,
        rules: RuleCheck,
    ) -> None:
        self._session = session
        self._egress = egress
        self._admission = admission
        self._documents = documents
        self._rules = rules
        self._repository = SourceRepository(session)

    async def add(self, principal: Principal, collection_id: UUID, wanted: SourceCreate) -> Source:
        """Add a source and have it fetched; one of the same address is taken over instead.

        A document that is there already is given the rule and the metadata at once: whoever was
        answered need not wait for a server that may bring nothing. Raises UrlRefusedError,
        AttributeNotUsableError, CollectionNotFoundError, NotAnEditorError, AccessLocksYouOutError,
        QueueFullError and TenantFullError.
        """
        try:
            url = self._egress.read_url(wanted.url)
        except EgressError as error:
            raise UrlRefusedError(error) from None
        if wanted.access is not None:
            self._rules.require_usable(wanted.access, "/access")
            await require_known_users(self._session, wanted.access, "/access")
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
        if "refetch_every" in wanted.model_fields_set:
            source.refetch_every = wanted.refetch_every
        source.failures = 0
        await self._describe(source, principal, wanted)
        write_rights(source, principal)
        if is_new:
            await self._repository.add(source)
            await self._record(principal, Action.SOURCE_ADDED, source)
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
        await forget_answers_about(self._session, principal.tenant_id, source_id)
        await self._record(principal, Action.SOURCE_REMOVED, source)

    async def _describe(self, source: Source, principal: Principal, wanted: SourceCreate) -> None:
        """Give the document what was said of it; the first fetch does where there is none yet."""
        if source.document_id is None:
            # That of an upload with this uri. Where several are, register() would find the same.
            found = await DocumentRepository(self._session).find_by_identity(
                principal, source.collection_id, source.url, ""
            )
            source.document_id = None if found is None else found.id
        if source.document_id is not None:
            rule, metadata = wanted.access, wanted.metadata
            if rule is None and source.rule is not None:
                rule = AccessRule.model_validate(source.rule)
            await self._documents.describe(
                principal, source.document_id, rule, source.meta if metadata is None else metadata
            )
            source.rule = source.meta = None
            return
        if wanted.access is not None:
            source.rule = stored_rule(wanted.access)
        if wanted.metadata is not None:
            source.meta = wanted.metadata

    async def _record(self, principal: Principal, action: Action, source: Source) -> None:
        details = Details(collection_id=source.collection_id)
        target = Target("source", source.id)
        await record(self._session, Act(action, principal.actor, target, details))

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
