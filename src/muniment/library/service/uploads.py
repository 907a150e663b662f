"""Uploads: a form is streamed to the store of originals and then registered, all or nothing.

Three steps, as everywhere where bytes flow: a short transaction asks whether the caller may add
and whether there is room;
no transaction while the client sends, but for a short one before each file, which writes down what
is about to be stored; one transaction registers everything that came.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from muniment.identity.idempotency import (
    IdempotencyStore,
    KeptAnswer,
    Replay,
    Ticket,
    fingerprint_of,
)
from muniment.identity.principal import Principal
from muniment.library.errors import UploadTooLargeError
from muniment.library.repository.documents import DocumentView
from muniment.library.schemas.documents import UploadedDocuments
from muniment.library.service.admission import Admission
from muniment.library.service.form import ReceivedForm, UploadFormReader
from muniment.library.service.intake import Intake
from muniment.library.service.presentation import present_document
from muniment.library.service.registration import Registration, register_all, require_editor
from muniment.library.service.rule_check import RuleCheck, require_known_users
from muniment.library.settings import TenantLimits, UploadSettings
from muniment.postgres.unit_of_work import Scope, Transactions

ROUTE = "upload_documents"


@dataclass(frozen=True, slots=True)
class UploadBody:
    """The body of an upload, as its headers announce it and not read yet."""

    content_type: str | None
    announced_bytes: int | None
    open: Callable[[], AsyncIterator[bytes]]
    idempotency_key: str | None = None


class UploadService:
    """Takes uploads in; one for the whole process."""

    def __init__(
        self,
        transactions: Transactions,
        intake: Intake,
        admission: Admission,
        idempotency: IdempotencyStore,
        settings: UploadSettings,
        limits: TenantLimits,
        media_types: Sequence[str],
        rules: RuleCheck,
    ) -> None:
        self._transactions = transactions
        self._intake = intake
        self._admission = admission
        self._idempotency = idempotency
        self._settings = settings
        self._limits = limits
        self._media_types = tuple(sorted(media_types))
        self._rules = rules

    @property
    def max_request_bytes(self) -> int:
        """How much one request may bring."""
        return self._settings.max_request_bytes

    async def receive(
        self, principal: Principal, collection_id: UUID, body: UploadBody
    ) -> UploadedDocuments:
        """Take an upload in; what it answers is on disk and committed."""
        scope = Scope(principal.tenant_id, principal.names)
        async with self._transactions.begin(scope) as session:
            await require_editor(session, principal, collection_id)
            await self._admission.require_room(session, principal.tenant_id)
        if (body.announced_bytes or 0) > self._settings.max_request_bytes:
            raise UploadTooLargeError(
                f"A request may have {self._settings.max_request_bytes} bytes at most."
            )
        await self._admission.require_space(body.announced_bytes or 0)
        form = ReceivedForm()
        try:
            async with self._intake.deposit(scope) as deposit:
                reader = UploadFormReader(deposit, self._settings, self._media_types, self._rules)
                await reader.read(body.content_type, body.open(), form)
            return await self._register(principal, collection_id, form, body.idempotency_key)
        finally:
            if not form.is_registered:
                await self._intake.discard(scope, form.keys())

    async def _register(
        self, principal: Principal, collection_id: UUID, form: ReceivedForm, key: str | None
    ) -> UploadedDocuments:
        if key is None:
            return await self._commit(principal, collection_id, form, None)
        fingerprint = fingerprint_of(collection_id.bytes, *form.fingerprint_parts())
        begun = await self._idempotency.begin(principal, ROUTE, key, fingerprint)
        if isinstance(begun, Replay):
            return UploadedDocuments.model_validate_json(begun.answer.body)
        return await self._commit_once(begun, principal, collection_id, form)

    async def _commit_once(
        self, ticket: Ticket, principal: Principal, collection_id: UUID, form: ReceivedForm
    ) -> UploadedDocuments:
        try:
            return await self._commit(principal, collection_id, form, ticket)
        except BaseException:  # boundary: passed on; the key is free if nothing was committed
            await self._idempotency.abandon(ticket)
            raise

    async def _commit(
        self, principal: Principal, collection_id: UUID, form: ReceivedForm, ticket: Ticket | None
    ) -> UploadedDocuments:
        scope = Scope(principal.tenant_id, principal.names)
        async with self._transactions.begin(scope) as session:
            if form.access is not None:
                await require_known_users(session, form.access, "/access")
            registered = await register_all(
                session, principal, collection_id, form.uploads(), self._limits
            )
            uploaded = _describe(registered)
            if ticket is not None:
                body = uploaded.model_dump_json(exclude_unset=True).encode()
                await self._idempotency.finish_within(session, ticket, KeptAnswer(202, body=body))
            # Said before the commit, whose answer may be lost: bytes that a committed document
            # speaks of would be missed for ever, and those of a failed commit keep their row.
            form.is_registered = True
        return uploaded


def _describe(registered: Sequence[Registration]) -> UploadedDocuments:
    return UploadedDocuments(
        documents=[
            present_document(DocumentView(one.document, may_edit=True)) for one in registered
        ]
    )
