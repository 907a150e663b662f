"""The route that takes documents in."""

from typing import Any, Final

from fastapi import APIRouter, Response, status

from muniment.identity.errors import GUARD_ERRORS, IDEMPOTENCY_ERRORS
from muniment.kit.problems import problem_responses
from muniment.library.dependencies import CanWriteDocuments, IncomingUpload, Uploads
from muniment.library.errors import (
    AccessLocksYouOutError,
    CollectionNotFoundError,
    EmptyFileError,
    InvalidUploadError,
    InvalidUploadFieldError,
    MalformedUploadError,
    NotAnEditorError,
    QueueFullError,
    StorageLowError,
    TenantFullError,
    UnsupportedDocumentError,
    UploadOverdueError,
    UploadTooLargeError,
)
from muniment.library.router.collections import CollectionId
from muniment.library.schemas.documents import UploadedDocuments
from muniment.library.service.rule_check import RULE_ERRORS
from muniment.ports.originals import OriginalsFullError

router = APIRouter(tags=["documents"])

# The form is read by our own reader, so the framework cannot describe it.
_FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {
                                "type": "string",
                                # OpenAPI 3.0's word; generators know no other for a file.
                                "format": "binary",
                                "contentMediaType": "application/octet-stream",
                            },
                            "description": "One part for each file, each with a filename.",
                        },
                        "access": {
                            "$ref": "#/components/schemas/AccessRule",
                            "description": "Access rule of all the files, as JSON.",
                        },
                        "metadata": {
                            "type": "object",
                            "additionalProperties": True,
                            "description": "Metadata of all the files, as JSON.",
                            "examples": [{"department": "hr", "year": 2026}],
                        },
                        "uri": {
                            "type": "string",
                            "description": "Where the file comes from; with one file only.",
                        },
                    },
                },
                "encoding": {
                    "access": {"contentType": "application/json"},
                    "metadata": {"contentType": "application/json"},
                },
            }
        },
    }
}


@router.post(
    "/collections/{collection_id}/documents",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Upload documents",
    response_model_exclude_unset=True,
    openapi_extra=_FORM,
    responses=problem_responses(
        *GUARD_ERRORS,
        *IDEMPOTENCY_ERRORS,
        CollectionNotFoundError,
        NotAnEditorError,
        MalformedUploadError,
        InvalidUploadError,
        InvalidUploadFieldError,
        *RULE_ERRORS,
        EmptyFileError,
        AccessLocksYouOutError,
        UploadOverdueError,
        UploadTooLargeError,
        UnsupportedDocumentError,
        TenantFullError,
        QueueFullError,
        StorageLowError,
        OriginalsFullError,
    ),
)
async def upload_documents(
    collection_id: CollectionId,
    principal: CanWriteDocuments,
    uploads: Uploads,
    body: IncomingUpload,
    response: Response,
) -> UploadedDocuments:
    """Upload one file or several; the answer comes when they are on disk and queued.

    A file that is there already, by `uri` or else by name among the documents one may edit,
    becomes a new version; the same bytes again change nothing.
    """
    uploaded = await uploads.receive(principal, collection_id, body)
    response.headers["Location"] = (
        f"/api/v1/documents/{uploaded.documents[0].id}"
        if len(uploaded.documents) == 1
        else f"/api/v1/collections/{collection_id}/documents"
    )
    return uploaded
