"""The job that fetches a source, and the chore that queues the sources that are due.

A fetch takes minutes at worst, so no transaction is open meanwhile. Before it the owner's rights
are asked; what it brought is stored under a key that is written down, like an upload. The last
commit asks the rights once more, registers the document, says when the source is due again, and
ends the job: it checks the fence, so that a fetch whose worker was taken for dead changes nothing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.principal import Principal
from muniment.kit.egress.client import Answer, EgressClient, Validators
from muniment.kit.egress.errors import EgressError
from muniment.kit.errors import MunimentError
from muniment.library.access_rules import AccessRule
from muniment.library.models import ORIGINAL_MISSING, Document
from muniment.library.repository.documents import DocumentRepository
from muniment.library.service.admission import Admission
from muniment.library.service.documents import uri_identity
from muniment.library.service.intake import Intake
from muniment.library.service.registration import NewUpload, register, require_editor
from muniment.library.settings import TenantLimits
from muniment.ports.jobs import ClaimedJob, source_fetch
from muniment.ports.media_types import HEAD_BYTES
from muniment.ports.originals import OriginalTooLargeError, StoredOriginal
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope, Transactions
from muniment.sources.content import kind_of, name_of
from muniment.sources.errors import (
    FetchError,
    met_on_the_way,
    refused_by_library,
    rights_lost,
)
from muniment.sources.models import Source
from muniment.sources.owner import Owners
from muniment.sources.repository import FetchRepository, take_due
from muniment.sources.schedule import after_failure, after_success

_log = structlog.get_logger(__name__)

MediaTypes = Callable[[], Awaitable[Sequence[str]]]
"""Asks the installed parsers what they read."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be fetched, as it stood when the job began."""

    source_id: UUID
    collection_id: UUID
    url: str
    validators: Validators | None


@dataclass(slots=True)
class _Brought:
    """What a fetch has brought: bytes, or the word that nothing has changed."""

    validators: Validators
    media_type: str = ""
    original: StoredOriginal | None = None
    is_handed_over: bool = False
    """Whether a document may speak of the bytes, so that they are not ours to discard."""


class FetchSource:
    """Fetches a source and lets its document follow."""

    def __init__(
        self,
        transactions: Transactions,
        intake: Intake,
        egress: EgressClient,
        owners: Owners,
        admission: Admission,
        limits: TenantLimits,
        max_bytes: int,
        media_types: MediaTypes,
    ) -> None:
        self._transactions = transactions
        self._intake = intake
        self._egress = egress
        self._owners = owners
        self._admission = admission
        self._limits = limits
        self._max_bytes = max_bytes
        self._media_types = media_types

    async def work(self, job: ClaimedJob) -> None:
        """Fetch the source; what goes wrong outside is told by the source, and tried later."""
        brought: _Brought | None = None
        try:
            wanted = await self._begin(job)
            if wanted is None:
                return
            brought = await self._fetch(job, wanted)
            await self._keep(job, wanted, brought)
        except FetchError as error:
            await self._end_failed(job, error)
        except MunimentError as error:
            if isinstance(error, jobs.FenceLostError):
                raise
            await self._end_failed(job, refused_by_library(error))
        finally:
            if brought is not None and brought.original and not brought.is_handed_over:
                await self._intake.discard(Scope(job.tenant_id), [brought.original.key])

    async def give_up(self, job: ClaimedJob, reason: str) -> None:
        """Say that the fetch broke, let the schedule go on, and park the job."""
        detail = f"Fetching this broke {job.attempt - job.exhausted} times ({reason})."
        error = FetchError("fetch_broke", detail)
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            await _write_failure(session, job, error)
            await jobs.park(session, job, reason)

    async def _begin(self, job: ClaimedJob) -> _Wanted | None:
        """Ask whether the source is still wanted and may be fetched. Raises FetchError."""
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            source = await FetchRepository(session).find(_target(job))
            if source is None:
                await jobs.finish(session, job)
                return None
            principal = await self._owners.principal_of(session, source)
            document = await _document_of(session, source, principal)
            # An answer that nothing has changed would not bring back bytes that are gone.
            lacks_bytes = document is not None and document.error_code == ORIGINAL_MISSING
            await self._admission.require_room(session, job.tenant_id)
            validators = None
            if source.validators_url is not None and not lacks_bytes:
                validators = Validators(source.validators_url, source.etag, source.last_modified)
            wanted = _Wanted(source.id, source.collection_id, source.url, validators)
        await self._admission.require_space(0)
        return wanted

    async def _fetch(self, job: ClaimedJob, wanted: _Wanted) -> _Brought:
        try:
            async with self._egress.get(
                wanted.url, max_bytes=self._max_bytes, validators=wanted.validators
            ) as answer:
                if answer.is_unchanged:
                    return _Brought(wanted.validators or answer.validators)
                return await self._store(job, answer)
        except EgressError as error:
            raise met_on_the_way(error) from None

    async def _store(self, job: ClaimedJob, answer: Answer) -> _Brought:
        head = await _beginning(answer.chunks)
        if not head:
            raise FetchError("empty_file", "The server sent nothing.")
        accepted = await self._media_types()
        media_type = kind_of(name_of(answer.url), answer.content_type, head, accepted)
        if media_type not in accepted:
            raise FetchError(
                "unsupported_document", f"It is of the type {media_type}, which is not read here."
            )
        try:
            original = await self._intake.store(
                Scope(job.tenant_id), _joined(head, answer.chunks), max_bytes=self._max_bytes
            )
        except OriginalTooLargeError as error:
            raise FetchError("too_large", f"It is larger than {error.limit} bytes.") from None
        return _Brought(answer.validators, media_type, original)

    async def _keep(self, job: ClaimedJob, wanted: _Wanted, brought: _Brought) -> None:
        """Register what came and end the job, in one commit."""
        is_kept = False
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            source = await self._hold(session, wanted)
            if source is not None:
                if brought.original is not None:
                    is_kept = await self._register(session, source, brought, brought.original)
                await _write_success(session, source, brought.validators)
            await jobs.finish(session, job)
            # Said before the commit, whose answer may be lost: bytes that a committed document
            # speaks of would be missed for ever, and those of a failed commit keep their row.
            brought.is_handed_over = is_kept
        _log.info("source_fetched", source=str(wanted.source_id), changed=is_kept)

    async def _hold(self, session: AsyncSession, wanted: _Wanted) -> Source | None:
        """Keep the source as it is, after asking for its owner's rights once more."""
        repository = FetchRepository(session)
        source = await repository.find(wanted.source_id)
        if source is None:
            return None
        # In the order in which a request locks that adds the same address again.
        principal = await self._owners.principal_of(session, source)
        await require_editor(session, principal, wanted.collection_id)
        identity = uri_identity(wanted.url)
        await DocumentRepository(session).lock_identity(wanted.collection_id, identity)
        return await repository.find(wanted.source_id, for_update=True)

    async def _register(
        self,
        session: AsyncSession,
        source: Source,
        brought: _Brought,
        original: StoredOriginal,
    ) -> bool:
        """Make the bytes a version, unless they are those of the newest one already."""
        principal = await self._owners.principal_of(session, source)
        document = await _document_of(session, source, principal)
        says_more = source.rule is not None or source.meta is not None
        if document is not None and not says_more and document.media_type == brought.media_type:
            sha256 = bytes.fromhex(original.sha256)
            # Also where they could not be read: on a schedule they would fail for ever anew.
            is_missing = document.error_code == ORIGINAL_MISSING
            if not is_missing and await DocumentRepository(session).has_bytes(document, sha256):
                return False
        upload = NewUpload(
            name=name_of(source.url) if document is None else document.name,
            media_type=brought.media_type,
            original=original,
            uri=source.url,
            metadata=source.meta,
            access=None if source.rule is None else AccessRule.model_validate(source.rule),
        )
        registered = await register(session, principal, source.collection_id, upload, self._limits)
        if source.document_id not in {None, registered.document.id}:
            raise rights_lost()
        source.document_id = registered.document.id
        source.rule = source.meta = None
        return True

    async def _end_failed(self, job: ClaimedJob, error: FetchError) -> None:
        async with self._transactions.begin(Scope(job.tenant_id)) as session:
            await _write_failure(session, job, error)
            await jobs.finish(session, job)
        _log.info("source_failed", source=job.payload["source_id"], code=error.code)


async def plan_fetches(transactions: Transactions) -> int:
    """Queue the sources that are due, in the commit that takes them from the schedule."""
    async with transactions.begin(None) as session:
        due = await take_due(session)
        await jobs.enqueue(session, due)
    return len(due)


async def _write_success(session: AsyncSession, source: Source, validators: Validators) -> None:
    """Say that a fetch went well, and whether and when the next one is."""
    # What is unchanged has nothing to be given to: what was said meanwhile needs the whole of it.
    says_more = source.rule is not None or source.meta is not None
    wait = after_success(source.id, source.refetch_every)
    values = {
        "status": "queued" if says_more else "ready",
        "error_code": None,
        "error_detail": None,
        "failures": 0,
        "fetched_at": func.now(),
        "next_at": None if says_more else _moment(wait),
        "validators_url": None if says_more else validators.url,
        "etag": None if says_more else validators.etag,
        "last_modified": None if says_more else validators.last_modified,
    }
    await FetchRepository(session).write(source, values)
    if says_more:
        job = source_fetch(source.tenant_id, source.id, source.created_by)
        await jobs.enqueue(session, [job])


async def _write_failure(session: AsyncSession, job: ClaimedJob, error: FetchError) -> None:
    repository = FetchRepository(session)
    source = await repository.find(_target(job), for_update=True)
    if source is None:
        return
    failures = source.failures + 1
    wait = after_failure(source.id, source.refetch_every, failures, error)
    values = {
        "status": "stopped" if error.stops else "failing",
        "error_code": error.code,
        "error_detail": error.detail,
        "failures": failures,
        "next_at": _moment(wait),
    }
    await repository.write(source, values)


async def _document_of(
    session: AsyncSession, source: Source, principal: Principal
) -> Document | None:
    """Find the document of a source as its owner may see it."""
    if source.document_id is None:
        return None
    view = await DocumentRepository(session).find(principal, source.document_id)
    return None if view is None else view.document


def _moment(wait: timedelta | None) -> ColumnElement[datetime] | None:
    return None if wait is None else func.now() + wait


def _target(job: ClaimedJob) -> UUID:
    return UUID(str(job.payload["source_id"]))


async def _beginning(chunks: AsyncIterator[bytes]) -> bytes:
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return head


async def _joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in rest:
        yield chunk
