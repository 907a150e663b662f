"""`/documents/{id}/chunks`: a document cut as searches find it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from muniment.identity.errors import GUARD_ERRORS
from muniment.index.dependencies import CanReadDocuments, Chunks
from muniment.index.schemas import ChunkRead
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import Paging
from muniment.kit.problems import problem_responses
from muniment.library.errors import DocumentNotFoundError

router = APIRouter(prefix="/documents", tags=["documents"])


@router.get(
    "/{document_id}/chunks",
    summary="List the chunks of a document",
    responses=problem_responses(*GUARD_ERRORS, DocumentNotFoundError, InvalidCursorError),
)
async def list_document_chunks(
    principal: CanReadDocuments,
    document_id: Annotated[UUID, Path(description="Id of the document.")],
    paging: Paging,
    chunks: Chunks,
) -> Page[ChunkRead]:
    """Give the slices of the canonical text that searches find, in order."""
    return await chunks.list_chunks(principal, document_id, paging)
