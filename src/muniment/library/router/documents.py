"""Routes of documents that are there."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response, status

from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.errors import InvalidInputError
from muniment.kit.etag import PreconditionFailedError, PreconditionRequiredError
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import ExpectedRevision, Paging
from muniment.kit.problems import problem_responses
from muniment.library.dependencies import (
    CanReadDocuments,
    CanWriteDocuments,
    Criteria,
    Documents,
)
from muniment.library.errors import (
    CollectionNotFoundError,
    DocumentNotFoundError,
    NotAnEditorError,
    NotFailedError,
)
from muniment.library.router.collections import CollectionId
from muniment.library.schemas.documents import DocumentRead, DocumentUpdate, VersionRead
from muniment.library.service.documents import document_etag
from muniment.library.service.presentation import present_document

router = APIRouter(tags=["documents"])
DocumentId = Annotated[UUID, Path(description="Id of the document.")]
READ_ERRORS = (*GUARD_ERRORS, DocumentNotFoundError)
EDIT_ERRORS = (*READ_ERRORS, NotAnEditorError)


@router.get(
    "/collections/{collection_id}/documents",
    summary="List documents",
    response_model_exclude_unset=True,
    responses=problem_responses(
        *GUARD_ERRORS, CollectionNotFoundError, InvalidCursorError, InvalidInputError
    ),
)
async def list_documents(
    collection_id: CollectionId,
    principal: CanReadDocuments,
    documents: Documents,
    criteria: Criteria,
    paging: Paging,
) -> Page[DocumentRead]:
    """List the documents of a collection that one may read, newest first."""
    page = await documents.list_in(principal, collection_id, criteria, paging)
    return Page(items=[present_document(view) for view in page.items], next=page.next)


@router.get(
    "/documents/{document_id}",
    summary="Read a document",
    response_model_exclude_unset=True,
    responses=problem_responses(*READ_ERRORS),
)
async def read_document(
    document_id: DocumentId, principal: CanReadDocuments, documents: Documents, response: Response
) -> DocumentRead:
    """Read what is known about a document, and how far it is."""
    view = await documents.read(principal, document_id)
    response.headers["ETag"] = document_etag(view.document)
    return present_document(view)


@router.patch(
    "/documents/{document_id}",
    summary="Change a document",
    response_model_exclude_unset=True,
    responses=problem_responses(*EDIT_ERRORS, PreconditionRequiredError, PreconditionFailedError),
)
async def change_document(
    document_id: DocumentId,
    body: DocumentUpdate,
    principal: CanWriteDocuments,
    documents: Documents,
    expected: ExpectedRevision,
    response: Response,
) -> DocumentRead:
    """Change name or metadata (JSON Merge Patch); its bytes change by another upload."""
    view = await documents.change(principal, document_id, body, expected)
    response.headers["ETag"] = document_etag(view.document)
    return present_document(view)


@router.delete(
    "/documents/{document_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a document",
    responses=problem_responses(*EDIT_ERRORS, PreconditionRequiredError, PreconditionFailedError),
)
async def delete_document(
    document_id: DocumentId,
    principal: CanWriteDocuments,
    documents: Documents,
    expected: ExpectedRevision,
) -> None:
    """Delete a document: from the answer on nobody finds it."""
    await documents.delete(principal, document_id, expected)


@router.post(
    "/documents/{document_id}/retry",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Try a failed document again",
    response_model_exclude_unset=True,
    responses=problem_responses(*EDIT_ERRORS, NotFailedError),
)
async def retry_document(
    document_id: DocumentId, principal: CanWriteDocuments, documents: Documents
) -> DocumentRead:
    """Queue a document that failed once more."""
    return present_document(await documents.retry(principal, document_id))


@router.get(
    "/documents/{document_id}/versions",
    summary="List the versions of a document",
    responses=problem_responses(*READ_ERRORS, InvalidCursorError),
)
async def list_document_versions(
    document_id: DocumentId, principal: CanReadDocuments, documents: Documents, paging: Paging
) -> Page[VersionRead]:
    """List the versions of a document, newest first."""
    page = await documents.list_versions(principal, document_id, paging)
    items = [VersionRead.model_validate(version) for version in page.items]
    return Page(items=items, next=page.next)
