"""Puts a data set into a collection of its own, through the same door as every upload."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.evaluation.dataset import CorpusDocument
from muniment.evaluation.repository import CorpusRepository
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.etag import ANY_REVISION
from muniment.library.repository.progress import UNFINISHED
from muniment.library.schemas.collections import CollectionCreate
from muniment.library.service.collections import CollectionService
from muniment.library.service.intake import Intake
from muniment.library.service.registration import NewUpload, register_all
from muniment.library.service.rule_check import RuleCheck
from muniment.library.settings import TenantLimits
from muniment.postgres.unit_of_work import Scope, Transactions

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much there is."""

MAX_NAME = 200
_BATCH = 50
_LOOK_EVERY_S = 0.2
_NO_RULES = RuleCheck.by(IdentitySettings())


class WorksOffJobs(Protocol):
    """A worker that can be driven by hand."""

    async def run_one(self) -> bool:
        """Work on one job; False when there was none."""
        ...


class EvaluationCorpus:
    """Documents of a data set as documents of the product."""

    def __init__(
        self,
        transactions: Transactions,
        intake: Intake,
        worker: WorksOffJobs,
        concurrency: int = 2,
    ) -> None:
        self._transactions = transactions
        self._intake = intake
        self._worker = worker
        self._concurrency = concurrency

    @asynccontextmanager
    async def filled(
        self, principal: Principal, documents: Sequence[CorpusDocument], progress: Progress
    ) -> AsyncIterator["FilledCorpus"]:
        """Ingest the documents; afterwards nothing of them is left."""
        async with self._session(principal) as session:
            view = await CollectionService(session, _NO_RULES).create(
                principal, CollectionCreate(name="evaluation")
            )
        collection_id = view.collection.id
        try:
            ids = await self._register(principal, collection_id, documents, progress)
            failed = await self._ingest(principal, collection_id, progress)
            yield FilledCorpus(collection_id, ids, failed)
        finally:
            async with self._session(principal) as session:
                service = CollectionService(session, _NO_RULES)
                await service.delete(principal, collection_id, ANY_REVISION)
            await self._work_off()

    async def _register(
        self,
        principal: Principal,
        collection_id: UUID,
        documents: Sequence[CorpusDocument],
        progress: Progress,
    ) -> dict[UUID, str]:
        wanted = [document for document in documents if document.content.strip()]
        ids: dict[UUID, str] = {}
        for first in range(0, len(wanted), _BATCH):
            batch = wanted[first : first + _BATCH]
            uploads = [await self._upload(principal, document) for document in batch]
            async with self._session(principal) as session:
                registered = await register_all(
                    session, principal, collection_id, uploads, TenantLimits()
                )
            pairs = zip(registered, batch, strict=True)
            ids |= {one.document.id: document.id for one, document in pairs}
            progress("upload", len(ids), len(wanted))
        return ids

    async def _upload(self, principal: Principal, document: CorpusDocument) -> NewUpload:
        content = document.content.encode("utf-8", "replace")
        scope = Scope(principal.tenant_id, principal.names)
        stored = await self._intake.store(scope, _once(content), max_bytes=len(content))
        # A slash or a dot in a title would pass for a folder or a suffix.
        name = f"{document.name[:MAX_NAME].replace('/', ' ')}.txt"
        return NewUpload(name, "text/plain", stored, uri=document.uri)

    async def _ingest(self, principal: Principal, collection_id: UUID, progress: Progress) -> int:
        """Work until every document is ready or failed, beside any other worker there may be."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(principal, collection_id, progress))
            while not watching.done():
                await self._work_off()
                await asyncio.sleep(_LOOK_EVERY_S)
        return watching.result()

    async def _watch(self, principal: Principal, collection_id: UUID, progress: Progress) -> int:
        while True:
            async with self._session(principal) as session:
                states = await CorpusRepository(session).count_by_status(principal, collection_id)
            open_ones = sum(states[status] for status in UNFINISHED)
            progress("ingest", states.total() - open_ones, states.total())
            if not open_ones:
                return states["failed"]
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _work_off(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work_until_empty())

    async def _work_until_empty(self) -> None:
        while await self._worker.run_one():
            pass

    @asynccontextmanager
    async def _session(self, principal: Principal) -> AsyncIterator[AsyncSession]:
        scope = Scope(principal.tenant_id, principal.names)
        async with self._transactions.begin(scope) as session:
            yield session


class FilledCorpus:
    """The collection that holds a data set, and which document is which."""

    def __init__(self, collection_id: UUID, ids: dict[UUID, str], failed: int) -> None:
        self.collection_id = collection_id
        self.ids = ids
        self.failed = failed


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
