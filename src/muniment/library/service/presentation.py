"""How collections and documents are shown: one place decides what of a row a caller gets."""

from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.repository.collections import CollectionView
from muniment.library.repository.documents import DocumentView
from muniment.library.schemas.collections import CollectionRead
from muniment.library.schemas.documents import DocumentRead, IngestionFault, ProgressRead


def present_collection(view: CollectionView) -> CollectionRead:
    """Show a collection with the caller's own role in it."""
    collection = view.collection
    return CollectionRead.model_validate(
        {
            "id": collection.id,
            "name": collection.name,
            "description": collection.description,
            "language": collection.language,
            "role": view.role,
            "created_at": collection.created_at,
            "updated_at": collection.updated_at,
        }
    )


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
            "error": present_fault(document),
        }
    )
