"""Routes of grants."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from muniment.identity.errors import GUARD_ERRORS, UnknownIssuerError, UnknownRoleError
from muniment.identity.names import PrincipalName
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import Paging
from muniment.kit.problems import problem_responses
from muniment.library.dependencies import CanReadCollections, Grants
from muniment.library.errors import (
    CollectionNotFoundError,
    GrantNotFoundError,
    LastOwnerError,
    NotAnOwnerError,
    UnknownUserError,
)
from muniment.library.router.collections import CollectionId
from muniment.library.schemas.collections import GrantRead, GrantWrite

router = APIRouter(prefix="/collections/{collection_id}/grants", tags=["collections"])
_GUARDS = (*GUARD_ERRORS, CollectionNotFoundError, NotAnOwnerError)


@router.get(
    "",
    summary="List the grants of a collection",
    responses=problem_responses(*_GUARDS, InvalidCursorError),
)
async def list_grants(
    collection_id: CollectionId, principal: CanReadCollections, grants: Grants, paging: Paging
) -> Page[GrantRead]:
    """List who holds which role; for owners and admins."""
    page = await grants.list_grants(principal, collection_id, paging)
    return Page(items=[GrantRead.model_validate(grant) for grant in page.items], next=page.next)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Give a role to a principal",
    responses={
        200: {"model": GrantRead, "description": "The principal held a role; now it is this one."},
        **problem_responses(
            *_GUARDS, LastOwnerError, UnknownRoleError, UnknownIssuerError, UnknownUserError
        ),
    },
)
async def give_grant(
    collection_id: CollectionId,
    body: GrantWrite,
    principal: CanReadCollections,
    grants: Grants,
    response: Response,
) -> GrantRead:
    """Give a role, or replace the one that is held; done twice, it changes nothing more."""
    grant, is_new = await grants.give(principal, collection_id, body)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    return GrantRead.model_validate(grant)


@router.delete(
    "",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take a role away",
    responses=problem_responses(*_GUARDS, GrantNotFoundError, LastOwnerError),
)
async def take_grant_away(
    collection_id: CollectionId,
    grantee: Annotated[
        PrincipalName, Query(alias="principal", description="Who shall lose the role.")
    ],
    principal: CanReadCollections,
    grants: Grants,
) -> None:
    """Take the role of a principal away; the last owner stays."""
    await grants.take_away(principal, collection_id, grantee)
