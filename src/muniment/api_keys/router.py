"""`/api-keys`: one's own keys. No key gets in here, whatever its scope."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response, status

from muniment.api_keys.dependencies import CanMakeKeys, CanManageKeys, OwnKeys
from muniment.api_keys.errors import (
    ApiKeyNotFoundError,
    BrowserSessionRequiredError,
    KeyLifetimeError,
    ScopeRefusedError,
    TooManyKeysError,
)
from muniment.api_keys.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyRead
from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.answer_headers import answers_with
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import Paging
from muniment.kit.problems import problem_responses

router = APIRouter(prefix="/api-keys", tags=["api keys"])

KeyId = Annotated[UUID, Path(description="Id of the key.")]


@router.post(
    "",
    summary="Make an API key",
    status_code=status.HTTP_201_CREATED,
    responses=answers_with(201, "Location")
    | problem_responses(
        *GUARD_ERRORS,
        BrowserSessionRequiredError,
        ScopeRefusedError,
        KeyLifetimeError,
        TooManyKeysError,
    ),
)
async def create_api_key(
    principal: CanMakeKeys, body: ApiKeyCreate, keys: OwnKeys, request: Request, response: Response
) -> ApiKeyCreated:
    """Make a key for the caller, who has signed in with a browser, and show it this once.

    An `Idempotency-Key` has no effect here: the answer would have to be kept, and the key with it.
    A request that is sent again makes another key, and the list shows both.
    """
    made = await keys.create(principal, body)
    response.headers["Location"] = f"{request.url.path}/{made.key.id}"
    return made.shown()


@router.get(
    "",
    summary="List my API keys",
    responses=problem_responses(*GUARD_ERRORS, InvalidCursorError),
)
async def list_api_keys(
    principal: CanManageKeys, paging: Paging, keys: OwnKeys
) -> Page[ApiKeyRead]:
    """List the caller's own keys, newest first, in pages; also what is expired or revoked."""
    return await keys.list_own(principal, paging)


@router.get(
    "/{key_id}",
    summary="Read an API key",
    responses=problem_responses(*GUARD_ERRORS, ApiKeyNotFoundError),
)
async def read_api_key(principal: CanManageKeys, key_id: KeyId, keys: OwnKeys) -> ApiKeyRead:
    """Give one of the caller's own keys, without the secret."""
    return await keys.read(principal, key_id)


@router.delete(
    "/{key_id}",
    summary="Revoke an API key",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*GUARD_ERRORS, ApiKeyNotFoundError),
)
async def revoke_api_key(principal: CanManageKeys, key_id: KeyId, keys: OwnKeys) -> None:
    """Take one of the caller's own keys back, for good; once more changes nothing.

    It is refused from its next request on, and streams that it opened end within a second.
    """
    await keys.revoke(principal, key_id)
