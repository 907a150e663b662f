"""What the routes of the library ask for, as `Annotated` aliases."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import Depends, Header, Query
from starlette.requests import ClientDisconnect, Request

from muniment.identity.dependencies import CurrentPrincipal, Session, requires
from muniment.identity.idempotency import KEY_PATTERN, MAX_KEY_LENGTH
from muniment.identity.known import KnownNames
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.byte_ranges import WantedPart
from muniment.kit.clock import SystemClock
from muniment.kit.middleware import BODY_LIMIT_KEY
from muniment.kit.state import from_state
from muniment.library.errors import MalformedUploadError
from muniment.library.metadata_filter import read_filter
from muniment.library.repository.documents import DocumentCriteria
from muniment.library.schemas.fields import DocumentStatus, DocumentUri
from muniment.library.service.collections import CollectionService
from muniment.library.service.contents import ContentService
from muniment.library.service.documents import DocumentService
from muniment.library.service.explaining import (
    AskedUser,
    ExplainingService,
    read_pairs,
    suppose,
)
from muniment.library.service.grants import GrantService
from muniment.library.service.progress import ProgressService
from muniment.library.service.rule_check import RuleCheck
from muniment.library.service.uploads import UploadBody, UploadService

CanCreateCollections = Annotated[Principal, Depends(requires(Permission.COLLECTIONS_CREATE))]
CanReadCollections = Annotated[Principal, Depends(requires(Permission.COLLECTIONS_READ))]
CanWriteCollections = Annotated[Principal, Depends(requires(Permission.COLLECTIONS_WRITE))]
CanReadDocuments = Annotated[Principal, Depends(requires(Permission.DOCUMENTS_READ))]
CanExplainAccess = Annotated[
    Principal,
    Depends(requires(Permission.DOCUMENTS_READ, instead=Permission.AUDIT_READ)),
]
CanWriteDocuments = Annotated[Principal, Depends(requires(Permission.DOCUMENTS_WRITE))]

Identity = Annotated[IdentitySettings, Depends(from_state("identity", IdentitySettings))]


async def _collections(session: Session, identity: Identity) -> CollectionService:
    return CollectionService(session, RuleCheck.by(identity))


async def _grants(session: Session, identity: Identity) -> GrantService:
    return GrantService(session, KnownNames(identity))


async def _explanations(session: Session, identity: Identity) -> ExplainingService:
    prefixes = {issuer.issuer: issuer.group_prefix for issuer in identity.issuers}
    return ExplainingService(session, prefixes)


async def _documents(session: Session, identity: Identity) -> DocumentService:
    return DocumentService(session, RuleCheck.by(identity), SystemClock())


Collections = Annotated[CollectionService, Depends(_collections)]
Grants = Annotated[GrantService, Depends(_grants)]
Documents = Annotated[DocumentService, Depends(_documents)]
Explanations = Annotated[ExplainingService, Depends(_explanations)]
Contents = Annotated[ContentService, Depends(from_state("contents", ContentService))]
Progress = Annotated[ProgressService, Depends(from_state("progress", ProgressService))]
Uploads = Annotated[UploadService, Depends(from_state("uploads", UploadService))]


async def _hold_stream_place(
    principal: CurrentPrincipal, progress: Progress
) -> AsyncIterator[None]:
    with progress.place(principal):
        yield


TAKES_STREAM_PLACE: Final = Depends(_hold_stream_place, scope="request")
"""Put into the `dependencies` of a route that answers with an event stream.

The framework closes what has the scope of a request after the answer, however that ended: with the
last event, because the client went away, or because the server stops.
"""


async def _criteria(
    status: Annotated[
        DocumentStatus | None, Query(description="Only documents with this status.")
    ] = None,
    uri: Annotated[DocumentUri | None, Query(description="Only documents with this uri.")] = None,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=255,
            pattern=r"^[^\x00]*$",
            description="Only documents whose name contains this, in any case.",
        ),
    ] = None,
    wanted: Annotated[
        str | None,
        Query(
            alias="filter",
            max_length=16_384,
            description="Only documents whose metadata this filter admits, as JSON.",
            examples=['{"type": "eq", "key": "department", "value": "hr"}'],
        ),
    ] = None,
) -> DocumentCriteria:
    return DocumentCriteria(status, uri, q, None if wanted is None else read_filter(wanted))


async def _asked_user(
    identity: Identity,
    user: Annotated[
        str,
        Query(
            max_length=512,
            description="Whom to ask about: an id of /users, or `<issuer>|<subject>`.",
        ),
    ],
    role: Annotated[
        list[str] | None,
        Query(max_length=64, description="A role that their token is supposed to have."),
    ] = None,
    group: Annotated[
        list[str] | None,
        Query(max_length=256, description="A group, as full path, that it is supposed to have."),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        Query(
            max_length=64,
            description="An attribute that it is supposed to have.",
            examples=["clearance=3"],
        ),
    ] = None,
) -> AskedUser:
    pairs = read_pairs(attribute or [], identity.attributes)
    return suppose(user, role or [], group or [], pairs)


WhoIsAsked = Annotated[AskedUser, Depends(_asked_user)]
"""The user of an explanation; with any supposition, the suppositions are all that is known."""


Criteria = Annotated[DocumentCriteria, Depends(_criteria)]
"""Which documents of a list are asked for."""


async def _part(
    range_header: Annotated[
        str | None,
        Header(
            alias="Range",
            description="One part of the bytes; several, or what cannot be read, give the whole.",
            examples=["bytes=0-1023"],
        ),
    ] = None,
    if_range: Annotated[
        str | None,
        Header(alias="If-Range", description="The part only if this is still the ETag."),
    ] = None,
) -> WantedPart:
    return WantedPart(range_header, if_range)


Part = Annotated[WantedPart, Depends(_part)]
"""Which part of a download is asked for."""


async def _upload_body(
    request: Request,
    uploads: Uploads,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=MAX_KEY_LENGTH,
            pattern=KEY_PATTERN,
            description="A name of your own for this upload, kept for 24 hours.",
        ),
    ] = None,
) -> UploadBody:
    """Describe the body without reading any of it."""
    request.scope[BODY_LIMIT_KEY] = uploads.max_request_bytes
    announced = request.headers.get("content-length", "")

    async def stream() -> AsyncIterator[bytes]:
        try:
            async for chunk in request.stream():
                if chunk:
                    yield chunk
        except ClientDisconnect as error:
            raise MalformedUploadError("The connection ended before the form did.") from error

    return UploadBody(
        content_type=request.headers.get("content-type"),
        announced_bytes=int(announced) if announced.isdecimal() else None,
        open=stream,
        idempotency_key=idempotency_key,
    )


IncomingUpload = Annotated[UploadBody, Depends(_upload_body)]
"""The body of an upload, still unread: the caller is known before the first byte is taken."""
