"""Routes of sources: documents that are fetched from an address and follow it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response, status

from muniment.identity.errors import GUARD_ERRORS, IDEMPOTENCY_ERRORS
from muniment.identity.idempotent_routes import ACCEPTS_KEY, IdempotentRoute
from muniment.kit.answer_headers import answers_with
from muniment.kit.etag import PreconditionFailedError, PreconditionRequiredError
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import ExpectedRevision, Paging
from muniment.kit.problems import problem_responses
from muniment.library.dependencies import CanWriteDocuments
from muniment.library.errors import (
    AccessLocksYouOutError,
    CollectionNotFoundError,
    NotAnEditorError,
    QueueFullError,
    TenantFullError,
)
from muniment.library.router.collections import CollectionId
from muniment.library.service.rule_check import RULE_ERRORS
from muniment.sources.dependencies import Sources
from muniment.sources.errors import SourceNotFoundError, UrlRefusedError
from muniment.sources.schemas import SourceCreate, SourceRead, SourceUpdate
from muniment.sources.service import present_source, source_etag

router = APIRouter(tags=["sources"], route_class=IdempotentRoute)
SourceId = Annotated[UUID, Path(description="Id of the source.")]
_READ_ERRORS = (*GUARD_ERRORS, SourceNotFoundError)
_CHANGE_ERRORS = (*_READ_ERRORS, PreconditionRequiredError, PreconditionFailedError)


@router.post(
    "/collections/{collection_id}/sources",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Add a document by its address",
    dependencies=[ACCEPTS_KEY],
    responses=problem_responses(
        *GUARD_ERRORS,
        *IDEMPOTENCY_ERRORS,
        CollectionNotFoundError,
        NotAnEditorError,
        UrlRefusedError,
        *RULE_ERRORS,
        AccessLocksYouOutError,
        QueueFullError,
        TenantFullError,
    ),
)
async def add_source(
    collection_id: CollectionId,
    body: SourceCreate,
    principal: CanWriteDocuments,
    sources: Sources,
    response: Response,
) -> SourceRead:
    """Have an address fetched, once or again and again, and made a document.

    A source of the same address is fetched anew, in the caller's name from now on. A document that
    is there already has the rule and the metadata at once.
    """
    source = await sources.add(principal, collection_id, body)
    response.headers["ETag"] = source_etag(source)
    response.headers["Location"] = f"/api/v1/sources/{source.id}"
    return present_source(source)


@router.get(
    "/collections/{collection_id}/sources",
    summary="List sources",
    responses=problem_responses(
        *GUARD_ERRORS, CollectionNotFoundError, NotAnEditorError, InvalidCursorError
    ),
)
async def list_sources(
    collection_id: CollectionId, principal: CanWriteDocuments, sources: Sources, paging: Paging
) -> Page[SourceRead]:
    """List the sources of a collection whose documents one may edit, newest first."""
    page = await sources.list_in(principal, collection_id, paging)
    return Page(items=[present_source(source) for source in page.items], next=page.next)


@router.get(
    "/sources/{source_id}",
    summary="Read a source",
    responses=answers_with(200, "ETag") | problem_responses(*_READ_ERRORS),
)
async def read_source(
    source_id: SourceId, principal: CanWriteDocuments, sources: Sources, response: Response
) -> SourceRead:
    """Read how a source is doing; for those who may edit its document."""
    source = await sources.read(principal, source_id)
    response.headers["ETag"] = source_etag(source)
    return present_source(source)


@router.patch(
    "/sources/{source_id}",
    summary="Change a source",
    responses=answers_with(200, "ETag") | problem_responses(*_CHANGE_ERRORS),
)
async def change_source(
    source_id: SourceId,
    body: SourceUpdate,
    principal: CanWriteDocuments,
    sources: Sources,
    expected: ExpectedRevision,
    response: Response,
) -> SourceRead:
    """Change how often it is fetched (JSON Merge Patch)."""
    source = await sources.change(principal, source_id, body, expected)
    response.headers["ETag"] = source_etag(source)
    return present_source(source)


@router.delete(
    "/sources/{source_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a source",
    responses=problem_responses(*_CHANGE_ERRORS),
)
async def remove_source(
    source_id: SourceId,
    principal: CanWriteDocuments,
    sources: Sources,
    expected: ExpectedRevision,
) -> None:
    """Remove a source; its document stays. Deleting the document removes both."""
    await sources.remove(principal, source_id, expected)


@router.post(
    "/sources/{source_id}/fetch",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Fetch a source now",
    responses=problem_responses(*_READ_ERRORS, QueueFullError, TenantFullError),
)
async def fetch_source(
    source_id: SourceId, principal: CanWriteDocuments, sources: Sources
) -> SourceRead:
    """Have a source fetched now, also one that has stopped."""
    return present_source(await sources.fetch(principal, source_id))
