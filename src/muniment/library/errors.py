"""Failures of the library, each with its code."""

from collections.abc import Iterable

from muniment.kit.errors import (
    ConflictError,
    ContentTooLargeError,
    FieldProblem,
    ForbiddenError,
    InvalidInputError,
    MalformedRequestError,
    MunimentError,
    NotFoundError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from muniment.ports.media_types import endings_of


class CollectionNotFoundError(NotFoundError):
    """There is no such collection, or the caller may not know that there is."""

    code = "collection_not_found"
    title = "No such collection"

    def __init__(self) -> None:
        super().__init__("There is no collection with this id among those you have access to.")


class DocumentNotFoundError(NotFoundError):
    """There is no such document, or the caller may not know that there is."""

    code = "document_not_found"
    title = "No such document"

    def __init__(self) -> None:
        super().__init__("There is no document with this id among those you may read.")


class VersionNotFoundError(NotFoundError):
    """The document has no version of this number."""

    code = "version_not_found"
    title = "No such version"

    def __init__(self) -> None:
        super().__init__(
            "The document has no version with this number.",
            hint="GET /documents/{id}/versions lists those it has.",
        )


class OriginalGoneError(NotFoundError):
    """The bytes of this version are not in the store of originals."""

    code = "original_gone"
    title = "The original is gone"

    def __init__(self) -> None:
        super().__init__("The store of originals does not hold this version's bytes any more.")


class GrantNotFoundError(NotFoundError):
    """The principal holds no grant in this collection."""

    code = "grant_not_found"
    title = "No such grant"

    def __init__(self) -> None:
        super().__init__("This principal holds no grant in the collection.")


class UnknownUserError(InvalidInputError):
    """The tenant has no user with this id; whether another tenant has one is not told."""

    code = "unknown_user"
    title = "No such user"

    def __init__(self, pointer: str) -> None:
        detail = "There is no user with this id."
        super().__init__(
            detail,
            hint="Name somebody who has not signed in yet as user:<issuer>|<subject>.",
            errors=(FieldProblem("body", pointer, self.code, detail),),
        )


class NotAnEditorError(ForbiddenError):
    """The caller may read this, but not change it."""

    code = "not_an_editor"
    title = "Only editors may do this"

    def __init__(self) -> None:
        super().__init__(
            "You may read this, but not change it.",
            hint="Ask an owner of the collection for the role editor.",
        )


class NotAnOwnerError(ForbiddenError):
    """The caller has access to the collection, but does not own it."""

    code = "not_an_owner"
    title = "Only owners may do this"

    def __init__(self) -> None:
        super().__init__(
            "Only an owner of the collection may do this.",
            hint="GET /collections/{id} shows the role you hold.",
        )


class LastOwnerError(ConflictError):
    """The change would leave the collection without an owner."""

    code = "last_owner"
    title = "A collection needs an owner"

    def __init__(self) -> None:
        super().__init__(
            "The collection would have no owner left.",
            hint="Make somebody else an owner first.",
        )


class AccessLocksYouOutError(ConflictError):
    """The editor who gives this access rule could not change the document any more."""

    code = "access_locks_you_out"
    title = "The rule would lock you out"

    def __init__(self) -> None:
        super().__init__(
            "With this rule you could not change the document any more.",
            hint="Name yourself or a group of yours in any_of, and fulfil the conditions yourself.",
        )


class NotFailedError(ConflictError):
    """Only a document that failed can be tried again."""

    code = "not_failed"
    title = "The document has not failed"

    def __init__(self, status: str) -> None:
        super().__init__(f"The document is {status}; only one that failed can be tried again.")


class TooManyStreamsError(MunimentError):
    """The caller follows as many documents and collections at once as one user may."""

    code = "too_many_streams"
    status = 429
    title = "Too many event streams are open"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"You have {most} event streams open already, which is as many as one user may have.",
            hint="Close one, or follow a whole collection with one stream.",
            headers={"Retry-After": "5"},
        )


class TenantFullError(ConflictError):
    """The tenant keeps as much as it may."""

    code = "tenant_full"
    title = "Your organisation has no room left"

    def __init__(self, most: str) -> None:
        super().__init__(
            f"Your organisation may keep {most}, and with this it would have more.",
            hint="Delete what is not needed any more, or ask the operator for a higher limit.",
        )


class QueueFullError(MunimentError):
    """So many documents of the tenant wait to be read that no more are taken for the moment."""

    code = "queue_full"
    status = 429
    title = "Too much is waiting already"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} jobs of your organisation are waiting, which is as many as may.",
            hint="Send the rest when some of them are done.",
            headers={"Retry-After": "30"},
        )


class StorageLowError(UnavailableError):
    """The store of originals has so little space left that nothing is added to it."""

    code = "storage_low"
    title = "Storage is nearly full"

    def __init__(self) -> None:
        super().__init__(
            "There is too little space left to take this in; nothing was read of it.",
            hint="Ask the operator to make space, then send it again.",
            retry_after_s=60,
        )


class TextNotReadyError(ConflictError):
    """The text of this version has not been read yet."""

    code = "text_not_ready"
    title = "There is no text yet"

    def __init__(self) -> None:
        super().__init__(
            "This version has no text: it is still waiting, or it could not be read.",
            hint="The document's status says which; GET …/events follows it.",
        )


class AttributeNotUsableError(InvalidInputError):
    """A condition of the rule asks for an attribute that is not declared, or not of its type."""

    code = "attribute_not_usable"
    title = "The rule asks for an attribute that nobody can have"

    def __init__(self, faults: tuple[FieldProblem, ...]) -> None:
        super().__init__(
            "A condition of the access rule can never hold.",
            hint="The settings [identity.attributes] declare the attributes and their types.",
            errors=faults,
        )


class MalformedUploadError(MalformedRequestError):
    """The body is not the multipart form that its header announces."""

    code = "malformed_upload"
    title = "The upload cannot be read"


class InvalidUploadError(InvalidInputError):
    """The upload is well-formed, but a part of it cannot be accepted."""

    code = "invalid_upload"
    title = "A part of the upload cannot be accepted"

    def __init__(self, part: str, code: str, detail: str) -> None:
        super().__init__(detail, errors=(FieldProblem("body", f"/{part}", code, detail),))


class InvalidUploadFieldError(InvalidInputError):
    """A field of the upload holds JSON that does not fit."""

    code = "invalid_upload_field"
    title = "A field of the upload cannot be accepted"


class EmptyFileError(InvalidInputError):
    """A file without a single byte has nothing to find."""

    code = "empty_file"
    title = "The file is empty"

    def __init__(self, name: str) -> None:
        detail = f"The file {name!r} is empty."
        super().__init__(detail, errors=(FieldProblem("body", "/file", self.code, detail),))


class UploadTooLargeError(ContentTooLargeError):
    """A file, a field, the number of parts or all of it together is more than is taken."""

    code = "upload_too_large"
    title = "The upload is too large"


class UploadOverdueError(ConflictError):
    """The upload took so long that what it had stored was taken for abandoned and removed."""

    code = "upload_overdue"
    title = "The upload took too long"

    def __init__(self) -> None:
        super().__init__(
            "The upload took so long that its first bytes were cleared away; nothing was kept.",
            hint="Send it again, in smaller parts; `uploads.abandoned_after` is the time allowed.",
        )


def _endings(media_types: Iterable[str]) -> list[str]:
    """Give what a person knows a kind of file by; a type without an ending stands for itself."""
    return [word for kind in media_types for word in endings_of(kind) or (kind,)]


class UnsupportedDocumentError(UnsupportedMediaTypeError):
    """No parser reads this kind of document."""

    code = "unsupported_document"
    title = "This kind of document is not read"

    def __init__(self, name: str, media_type: str, accepted: tuple[str, ...]) -> None:
        super().__init__(
            f"The file {name!r} is of the type {media_type}, which is not read here.",
            hint="Files are read that end in " + ", ".join(_endings(accepted)) + ".",
        )
