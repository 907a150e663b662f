"""Routes that give the content of a document: its text, its original, and how far it is."""

from collections.abc import AsyncIterator
from typing import Annotated, Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Header, Query
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.byte_ranges import RangeNotSatisfiableError
from muniment.kit.problems import problem_responses
from muniment.library.dependencies import (
    TAKES_STREAM_PLACE,
    CanReadDocuments,
    Contents,
    Documents,
    Part,
    Progress,
)
from muniment.library.errors import (
    CollectionNotFoundError,
    OriginalGoneError,
    TextNotReadyError,
    TooManyStreamsError,
    VersionNotFoundError,
)
from muniment.library.router.collections import CollectionId
from muniment.library.router.documents import READ_ERRORS, DocumentId
from muniment.library.schemas.documents import ProgressRead, TextRead
from muniment.library.service.contents import OriginalContent
from muniment.library.service.progress import Changes

router = APIRouter(tags=["documents"])
VersionNumber = Annotated[
    int | None, Query(alias="version", ge=1, le=2**31 - 1, description="Number of a version.")
]
_ANY_BYTES: Final[dict[str, object]] = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in ("application/octet-stream", "*/*")
}
"""Whatever was uploaded; the first is for programs that ask what they may expect."""
_EVENTS: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Events `progress`."}
}
_COLLECTION_EVENTS: dict[int | str, dict[str, object]] = {
    200: {
        "content": {"text/event-stream": {}},
        "description": "Events `progress`, of a document each, and `collection`, of them all.",
    }
}
_HEARTBEAT_S = 15


@router.get(
    "/documents/{document_id}/text",
    summary="Read the canonical text",
    response_model=TextRead,
    responses={
        200: {"content": {"text/plain": {}}, "description": "The text, with its pages in JSON."},
        **problem_responses(*READ_ERRORS, VersionNotFoundError, TextNotReadyError),
    },
)
async def read_text(
    document_id: DocumentId,
    principal: CanReadDocuments,
    documents: Documents,
    number: VersionNumber = None,
    accept: Annotated[str, Header(description="`text/plain` for the bare text.")] = "*/*",
) -> Response | TextRead:
    """Read the text that citations quote: by default that of the version which searches find."""
    found = await documents.read_text(principal, document_id, number)
    if prefers_plain_text(accept):
        return PlainTextResponse(found.text)
    return found


@router.get(
    "/documents/{document_id}/content",
    summary="Download the original",
    response_class=StreamingResponse,
    responses={
        200: {"content": _ANY_BYTES, "description": "The bytes."},
        206: {"content": _ANY_BYTES, "description": "The part."},
        **problem_responses(
            *READ_ERRORS, VersionNotFoundError, OriginalGoneError, RangeNotSatisfiableError
        ),
    },
)
async def download_content(
    document_id: DocumentId,
    principal: CanReadDocuments,
    contents: Contents,
    wanted: Part,
    number: VersionNumber = None,
) -> StreamingResponse:
    """Download the bytes as they were uploaded: by default those of the newest version."""
    content = await contents.open(principal, document_id, number, wanted)
    return StreamingResponse(
        content.chunks,
        status_code=200 if content.part is None else 206,
        media_type=content.media_type,
        headers=download_headers(content),
    )


@router.head(
    "/documents/{document_id}/content",
    summary="Describe the original",
    response_class=Response,
    responses={
        200: {"description": "The headers of the download, without the bytes."},
        **problem_responses(*READ_ERRORS, VersionNotFoundError, OriginalGoneError),
    },
)
async def describe_content(
    document_id: DocumentId,
    principal: CanReadDocuments,
    contents: Contents,
    number: VersionNumber = None,
) -> Response:
    """Give the headers of the whole download: its size, its tag and its name."""
    content = await contents.describe(principal, document_id, number)
    return Response(media_type=content.media_type, headers=download_headers(content))


@router.get(
    "/documents/{document_id}/events",
    summary="Follow a document",
    response_class=StreamingResponse,
    dependencies=[TAKES_STREAM_PLACE],
    responses={**_EVENTS, **problem_responses(*READ_ERRORS, TooManyStreamsError)},
)
async def follow_document(
    document_id: DocumentId, principal: CanReadDocuments, progress: Progress
) -> StreamingResponse:
    """Follow a document until it is ready or has failed (server-sent events).

    Each event has the stage, how many chunks are embedded, their rate and the time left, all read
    from the document's row: whoever begins later sees the same.
    """
    changes = await progress.follow_document(principal, document_id)
    return _event_stream(changes, progress.interval.total_seconds())


@router.get(
    "/collections/{collection_id}/events",
    summary="Follow the documents of a collection",
    response_class=StreamingResponse,
    dependencies=[TAKES_STREAM_PLACE],
    responses={
        **_COLLECTION_EVENTS,
        **problem_responses(*GUARD_ERRORS, CollectionNotFoundError, TooManyStreamsError),
    },
)
async def follow_collection(
    collection_id: CollectionId, principal: CanReadDocuments, progress: Progress
) -> StreamingResponse:
    """Follow all documents that wait or are being read, until none is left.

    First come those that failed since the oldest of them came, with the reason. The event
    `collection` counts the documents that the caller may read, and says how many end in a second
    and how long the rest will take.
    """
    changes = await progress.follow_collection(principal, collection_id)
    return _event_stream(changes, progress.interval.total_seconds())


def prefers_plain_text(accept: str) -> bool:
    """Tell whether a caller names plain text before JSON; weights are not looked at."""
    for item in accept.lower().split(","):
        essence = item.partition(";")[0].strip()
        if essence in {"text/plain", "text/*"}:
            return True
        if essence in {"application/json", "application/*", "*/*"}:
            return False
    return False


def download_headers(content: OriginalContent) -> dict[str, str]:
    """Make the headers that keep a browser from showing foreign bytes as a page of ours.

    The name goes as RFC 6266 has it: a plain one for old clients, the full one encoded.
    """
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\%' else "_"
        for letter in content.name
    )
    encoded = quote(content.name, safe="")
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}",
        "Accept-Ranges": "bytes",
        "Content-Length": str(content.size if content.part is None else content.part.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "ETag": content.etag,
        "X-Content-Type-Options": "nosniff",
    } | (
        {} if content.part is None else {"Content-Range": content.part.content_range(content.size)}
    )


def _event_stream(changes: Changes, interval_s: float) -> StreamingResponse:
    return StreamingResponse(
        render_events(changes, interval_s),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def render_events(changes: Changes, interval_s: float) -> AsyncIterator[bytes]:
    """Write changes as server-sent events; a comment keeps a silent connection open."""
    silent_s = 0.0
    async for states in changes:
        silent_s = 0.0 if states else silent_s + interval_s
        for state in states:
            name = b"progress" if isinstance(state, ProgressRead) else b"collection"
            payload = orjson.dumps(state.model_dump(mode="json"))
            yield b"event: " + name + b"\ndata: " + payload + b"\n\n"
        if silent_s >= _HEARTBEAT_S:
            silent_s = 0.0
            yield b": still here\n\n"
