"""Routes of collections."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response, status

from muniment.identity.errors import GUARD_ERRORS, IDEMPOTENCY_ERRORS
from muniment.identity.idempotent_routes import ACCEPTS_KEY, IdempotentRoute
from muniment.kit.etag import PreconditionFailedError, PreconditionRequiredError
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import ExpectedRevision, Paging
from muniment.kit.problems import problem_responses
from muniment.library.dependencies import (
    CanCreateCollections,
    CanReadCollections,
    CanWriteCollections,
    Collections,
)
from muniment.library.errors import CollectionNotFoundError, NotAnOwnerError
from muniment.library.schemas.collections import CollectionCreate, CollectionRead, CollectionUpdate
from muniment.library.service.collections import collection_etag
from muniment.library.service.presentation import present_collection
from muniment.library.service.rule_check import RULE_ERRORS

router = APIRouter(
    prefix="/collections",
    tags=["collections"],
    route_class=IdempotentRoute,
    responses=problem_responses(*GUARD_ERRORS),
)
CollectionId = Annotated[UUID, Path(description="Id of the collection.")]
_CHANGE_ERRORS = (
    CollectionNotFoundError,
    NotAnOwnerError,
    PreconditionRequiredError,
    PreconditionFailedError,
)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a collection",
    dependencies=[ACCEPTS_KEY],
    response_model_exclude_unset=True,
    responses=problem_responses(*GUARD_ERRORS, *IDEMPOTENCY_ERRORS, *RULE_ERRORS),
)
async def create_collection(
    body: CollectionCreate,
    principal: CanCreateCollections,
    collections: Collections,
    response: Response,
) -> CollectionRead:
    """Make a collection and own it."""
    view = await collections.create(principal, body)
    response.headers["ETag"] = collection_etag(view.collection)
    response.headers["Location"] = f"/api/v1/collections/{view.collection.id}"
    return present_collection(view)


@router.get(
    "",
    summary="List collections",
    response_model_exclude_unset=True,
    responses=problem_responses(InvalidCursorError),
)
async def list_collections(
    principal: CanReadCollections, collections: Collections, paging: Paging
) -> Page[CollectionRead]:
    """List the collections one has access to; admins see all of the tenant."""
    page = await collections.list_visible(principal, paging)
    return Page(items=[present_collection(view) for view in page.items], next=page.next)


@router.get(
    "/{collection_id}",
    summary="Read a collection",
    response_model_exclude_unset=True,
    responses=problem_responses(CollectionNotFoundError),
)
async def read_collection(
    collection_id: CollectionId,
    principal: CanReadCollections,
    collections: Collections,
    response: Response,
) -> CollectionRead:
    """Read one collection and one's own role in it."""
    view = await collections.read(principal, collection_id)
    response.headers["ETag"] = collection_etag(view.collection)
    return present_collection(view)


@router.patch(
    "/{collection_id}",
    summary="Change a collection",
    response_model_exclude_unset=True,
    responses=problem_responses(*GUARD_ERRORS, *_CHANGE_ERRORS, *RULE_ERRORS),
)
async def change_collection(
    collection_id: CollectionId,
    body: CollectionUpdate,
    principal: CanWriteCollections,
    collections: Collections,
    expected: ExpectedRevision,
    response: Response,
) -> CollectionRead:
    """Change name, description, language or default rule (JSON Merge Patch); for owners."""
    view = await collections.change(principal, collection_id, body, expected)
    response.headers["ETag"] = collection_etag(view.collection)
    return present_collection(view)


@router.delete(
    "/{collection_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a collection",
    responses=problem_responses(*GUARD_ERRORS, *_CHANGE_ERRORS),
)
async def delete_collection(
    collection_id: CollectionId,
    principal: CanWriteCollections,
    collections: Collections,
    expected: ExpectedRevision,
) -> None:
    """Delete a collection with all its documents; for owners."""
    await collections.delete(principal, collection_id, expected)
