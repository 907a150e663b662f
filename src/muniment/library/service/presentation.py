"""How collections and documents are shown: one place decides what of a row a caller gets."""

from math import ceil
from uuid import UUID

from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.repository.collections import CollectionView
from muniment.library.repository.documents import DocumentView
from muniment.library.repository.progress import CollectionPace
from muniment.library.schemas.collections import CollectionRead
from muniment.library.schemas.documents import (
    CollectionProgressRead,
    DocumentRead,
    IngestionFault,
    PaceRead,
    ProgressRead,
)

_SHORTEST_WINDOW_S = 1.0
"""A pace is not told from less: the first document of a collection would promise too much."""


def present_collection(view: CollectionView) -> CollectionRead:
    """Show a collection with the caller's own role in it.

    The field `default_access` is left unset for those who may not edit, as rules of documents are.
    """
    collection = view.collection
    shown = {
        "id": collection.id,
        "name": collection.name,
        "description": collection.description,
        "language": collection.language,
        "role": view.role,
        "created_at": collection.created_at,
        "updated_at": collection.updated_at,
    }
    if view.role in {"editor", "owner"}:
        shown["default_access"] = collection.default_rule
    return CollectionRead.model_validate(shown)


def present_document(view: DocumentView) -> DocumentRead:
    """Show a document; the field `access` is left unset for those who may not edit."""
    document = view.document
    shown = {
        "id": document.id,
        "collection_id": document.collection_id,
        "name": document.name,
        "uri": document.uri,
        "media_type": document.media_type,
        "status": document.status,
        "progress": document.progress,
        "stage": present_stage(document),
        "pace": present_pace(document),
        "error": present_fault(document),
        "version": document.version,
        "ready_version": document.ready_version,
        "metadata": document.meta,
        "bytes": document.size,
        "chunks": document.chunks,
        "created_at": document.created_at,
        "updated_at": document.updated_at,
    }
    if view.may_edit:
        shown["access"] = present_rule(document)
    return DocumentRead.model_validate(shown)


def present_rule(document: Document) -> AccessRule | None:
    """Show the access rule as it was given."""
    return None if document.rule is None else AccessRule.model_validate(document.rule)


def present_fault(document: Document) -> IngestionFault | None:
    """Show why a document failed."""
    if document.error_code is None:
        return None
    return IngestionFault(code=document.error_code, detail=document.error_detail or "")


def present_progress(document: Document) -> ProgressRead:
    """Show how far a document is."""
    return ProgressRead.model_validate(
        {
            "id": document.id,
            "status": document.status,
            "progress": document.progress,
            "stage": present_stage(document),
            "pace": present_pace(document),
            "error": present_fault(document),
        }
    )


def present_stage(document: Document) -> str:
    """Name what happens to a document: its row keeps a stage from when a worker took it up."""
    match document.status:
        case "queued":
            return "waiting"
        case "ready":
            return "done"
        case _:
            return document.stage or "parsing"


def present_pace(document: Document) -> PaceRead | None:
    """Show how fast a document is embedded, from its row alone; None in the other stages."""
    done, total = document.chunks_done, document.chunks_total
    if document.status != "processing" or done is None or total is None:
        return None
    rate = document.chunks_per_s or None
    return PaceRead(
        done=done,
        total=total,
        per_second=None if rate is None else round(rate, 1),
        remaining_s=None if rate is None else ceil((total - done) / rate),
    )


def present_collection_progress(
    collection_id: UUID, pace: CollectionPace
) -> CollectionProgressRead:
    """Show how far a collection is, from the rows of its documents alone."""
    rate = pace.ended / max(pace.window_s, _SHORTEST_WINDOW_S)
    left = pace.waiting + pace.processing
    remaining_s: float | None = None
    if rate:
        # Many small documents that ended say nothing of a long one that is left.
        remaining_s = max(left / rate, pace.longest_s)
    elif not pace.waiting:
        # None has ended lately, but those that are left say themselves what they need.
        remaining_s = pace.longest_s or None
    return CollectionProgressRead(
        id=collection_id,
        waiting=pace.waiting,
        processing=pace.processing,
        failed=pace.failed,
        per_second=round(rate, 2) if rate else None,
        remaining_s=None if remaining_s is None else ceil(remaining_s),
    )
