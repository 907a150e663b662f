"""The rules of documents: who reads, changes, deletes and retries them."""

from itertools import pairwise
from uuid import UUID

from pydantic import JsonValue, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.audit.acts import Act, Action, Details, Target
from muniment.audit.trail import record
from muniment.identity.idempotency import forget_answers_about
from muniment.identity.principal import Principal
from muniment.kit.clock import Clock
from muniment.kit.errors import InvalidInputError
from muniment.kit.etag import IfMatch, make_etag
from muniment.kit.merge_patch import merge_patch
from muniment.kit.pagination import Page, PageRequest
from muniment.kit.validation_faults import body_problems
from muniment.library.access_rules import AccessRule
from muniment.library.errors import (
    CollectionNotFoundError,
    DocumentNotFoundError,
    NotAnEditorError,
    NotFailedError,
    TextNotReadyError,
    VersionNotFoundError,
)
from muniment.library.metadata import METADATA, MetadataJson
from muniment.library.models import Document, DocumentVersion
from muniment.library.repository.collections import CollectionRepository
from muniment.library.repository.documents import (
    NEWEST_FIRST,
    VERSIONS,
    DocumentCriteria,
    DocumentRepository,
    DocumentView,
)
from muniment.library.repository.usage import UsageRepository
from muniment.library.schemas.documents import DocumentUpdate, PageSpan, TextRead
from muniment.library.service.access import (
    replace_rule,
    require_not_locked_out,
    stored_rule,
)
from muniment.library.service.rule_check import RuleCheck, require_known_users
from muniment.ports.jobs import NewJob, document_ingestion, document_purge
from muniment.postgres import jobs


class DocumentService:
    """What a caller does with documents that are there."""

    def __init__(self, session: AsyncSession, rules: RuleCheck, clock: Clock) -> None:
        self._session = session
        self._rules = rules
        self._clock = clock
        self._collections = CollectionRepository(session)
        self._repository = DocumentRepository(session)

    async def list_in(
        self,
        principal: Principal,
        collection_id: UUID,
        criteria: DocumentCriteria,
        page: PageRequest,
    ) -> Page[DocumentView]:
        """List the documents of a collection that the caller may read."""
        if await self._collections.find_visible(principal, collection_id) is None:
            raise CollectionNotFoundError
        rows = await self._repository.list_in(principal, collection_id, criteria, page)
        return page.page(rows, NEWEST_FIRST, lambda view: (view.document.id,))

    async def read(self, principal: Principal, document_id: UUID) -> DocumentView:
        """Read one document. Raises DocumentNotFoundError."""
        view = await self._repository.find(principal, document_id)
        if view is None:
            raise DocumentNotFoundError
        return view

    async def change(
        self, principal: Principal, document_id: UUID, change: DocumentUpdate, expected: IfMatch
    ) -> DocumentView:
        """Change name or metadata. Raises DocumentNotFoundError and NotAnEditorError."""
        view = await self._hold_editable(principal, document_id, expected)
        document = view.document
        if change.name is not None:
            document.name = change.name
        if change.metadata is not None:
            merged = merge_patch(METADATA.dump_python(document.meta), change.metadata)
            try:
                document.meta = METADATA.validate_python(merged)
            except ValidationError as error:
                raise _metadata_fault(error, merged) from None
        await self._keep_change(document)
        return view

    async def move(self, principal: Principal, document_id: UUID, name: str, uri: str) -> bool:
        """Let a document be found under another address from now on; all else of it stays.

        False when the address is another document's by now, or the document is not there any more.
        """
        view = await self._repository.find(principal, document_id)
        if view is None or not view.may_edit:
            return False
        collection_id = view.document.collection_id
        # The lock of an upload to this address, which would make a document of it as well.
        await self._repository.lock_identity(collection_id, uri_identity(uri))
        if await self._repository.find_by_identity(principal, collection_id, uri, name) is not None:
            return False
        view = await self._hold_editable(principal, document_id, None)
        view.document.name, view.document.uri = name, uri
        await self._keep_change(view.document)
        return True

    async def delete(self, principal: Principal, document_id: UUID, expected: IfMatch) -> None:
        """Delete a document: at commit nobody finds it any more, soon after nothing holds it."""
        view = await self._hold_editable(principal, document_id, expected)
        view.document.deleted_at = self._clock.now()
        await self._repository.save(view.document)
        await jobs.enqueue(self._session, [document_purge(principal.tenant_id, document_id)])
        await UsageRepository(self._session, principal.tenant_id).take_out(document_id)
        await forget_answers_about(self._session, principal.tenant_id, document_id)
        details = Details(collection_id=view.document.collection_id)
        target = Target("document", document_id)
        act = Act(Action.DOCUMENT_DELETED, principal.actor, target, details)
        await record(self._session, act)

    async def retry(self, principal: Principal, document_id: UUID) -> DocumentView:
        """Queue a document that failed once more. Raises NotFailedError."""
        view = await self._hold_editable(principal, document_id, None)
        document = view.document
        if document.status != "failed":
            raise NotFailedError(document.status)
        queue(document)
        await self._repository.save(document)
        job = document_ingestion(
            document.tenant_id, document.id, document.version, principal.user_id
        )
        await jobs.enqueue(self._session, [job])
        return view

    async def read_for_editing(self, principal: Principal, document_id: UUID) -> DocumentView:
        """Read what only editors see. Raises DocumentNotFoundError and NotAnEditorError."""
        view = await self.read(principal, document_id)
        if not view.may_edit:
            raise NotAnEditorError
        return view

    async def restrict(
        self,
        principal: Principal,
        document_id: UUID,
        rule: AccessRule | None,
        expected: IfMatch,
    ) -> DocumentView:
        """Replace the access rule.

        Raises AttributeNotUsableError, UnknownRoleError, UnknownIssuerError, UnknownUserError and
        AccessLocksYouOutError.
        """
        view = await self._hold_editable(principal, document_id, expected)
        if rule is not None:
            self._rules.require_usable(rule, "/rule")
            await require_known_users(self._session, rule, "/rule")
        await require_not_locked_out(self._repository, principal, view.document, rule)
        following = await replace_rule(self._session, principal, view.document, rule)
        await self._keep_change(view.document)
        await jobs.enqueue(self._session, following)
        return view

    async def describe(
        self,
        principal: Principal,
        document_id: UUID,
        rule: AccessRule | None,
        metadata: MetadataJson | None,
    ) -> Document:
        """Replace what is said anew, as an upload would; None leaves what is there.

        Raises DocumentNotFoundError, NotAnEditorError and AccessLocksYouOutError.
        """
        document = (await self._hold_editable(principal, document_id, None)).document
        following: list[NewJob] = []
        if metadata is not None:
            document.meta = metadata
        if rule is not None and stored_rule(rule) != document.rule:
            await require_not_locked_out(self._repository, principal, document, rule)
            following = await replace_rule(self._session, principal, document, rule)
        await self._keep_change(document)
        await jobs.enqueue(self._session, following)
        return document

    async def read_text(
        self, principal: Principal, document_id: UUID, number: int | None
    ) -> TextRead:
        """Read the canonical text of a version, by default of the one that searches find."""
        document = (await self.read(principal, document_id)).document
        wanted = number or document.ready_version
        if wanted is None:
            raise TextNotReadyError
        version = await self._version(document, wanted)
        if version.text is None:
            raise TextNotReadyError
        return TextRead(
            document_id=document.id,
            version=version.number,
            title=version.title,
            language=version.language,
            text=version.text,
            pages=page_spans(version.page_starts or [], len(version.text)),
        )

    async def read_version(
        self, principal: Principal, document_id: UUID, number: int | None
    ) -> tuple[Document, DocumentVersion]:
        """Read a version with its document, by default the newest."""
        document = (await self.read(principal, document_id)).document
        return document, await self._version(document, number or document.version)

    async def list_versions(
        self, principal: Principal, document_id: UUID, page: PageRequest
    ) -> Page[DocumentVersion]:
        """List the versions of a document."""
        document = (await self.read(principal, document_id)).document
        rows = await self._repository.list_versions(document, page)
        return page.page(rows, VERSIONS, lambda version: (version.number,))

    async def _version(self, document: Document, number: int) -> DocumentVersion:
        version = await self._repository.find_version(document, number)
        if version is None:
            raise VersionNotFoundError
        return version

    async def _keep_change(self, document: Document) -> None:
        if self._session.is_modified(document):
            document.revision += 1
            await self._repository.save(document)

    async def _hold_editable(
        self, principal: Principal, document_id: UUID, expected: IfMatch | None
    ) -> DocumentView:
        view = await self._repository.find(principal, document_id, for_update=True)
        if view is None:
            raise DocumentNotFoundError
        if not view.may_edit:
            raise NotAnEditorError
        if expected is not None:
            expected.check(document_etag(view.document))
        return view


def uri_identity(uri: str) -> str:
    """Give what makes two uploads with a uri the same document of a collection."""
    return f"uri:{uri}"


def document_etag(document: Document) -> str:
    """Make the entity tag of a document: what editors change, not how far ingestion is."""
    return make_etag(document.id, document.revision)


def queue(document: Document) -> None:
    """Let the newest version of a document wait for a worker, from the beginning."""
    document.status = "queued"
    document.progress = 0.0
    document.stage = document.begun_at = document.ended_at = None
    document.chunks_done = document.chunks_total = document.chunks_per_s = None
    document.error_code = document.error_detail = None


def page_spans(starts: list[int], length: int) -> list[PageSpan]:
    """Turn the offsets at which pages begin into spans."""
    return [
        PageSpan(number=number, start=start, end=end)
        for number, (start, end) in enumerate(pairwise([*starts, length]), start=1)
    ]


def _metadata_fault(error: ValidationError, merged: JsonValue) -> InvalidInputError:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    faults = body_problems(found, merged, ("metadata",))
    return InvalidInputError("The metadata cannot be accepted.", errors=faults)
