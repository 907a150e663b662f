"""`/users`: one's own profile, and the users of the tenant for administrators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response, status

from muniment.identity.dependencies import CurrentCaller
from muniment.identity.errors import (
    GUARD_ERRORS,
    IDEMPOTENCY_ERRORS,
    SIGN_IN_ERRORS,
    UnknownIssuerError,
)
from muniment.identity.idempotent_routes import ACCEPTS_KEY, IdempotentRoute
from muniment.kit.answer_headers import answers_with
from muniment.kit.etag import PreconditionFailedError, PreconditionRequiredError
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import ExpectedRevision, Paging
from muniment.kit.problems import problem_responses
from muniment.profiles.dependencies import (
    CanManageUsers,
    CanReadUsers,
    CanWriteProfile,
    Users,
    WantedUsers,
)
from muniment.profiles.errors import (
    OwnAccountError,
    TooManyPreferencesError,
    UserExistsError,
    UserNotFoundError,
)
from muniment.profiles.models import User
from muniment.profiles.schemas import ProfileRead, ProfileUpdate, UserCreate, UserRead, UserUpdate

router = APIRouter(prefix="/users", tags=["users"], route_class=IdempotentRoute)

UserId = Annotated[UUID, Path(description="Id of the user.")]


@router.get(
    "/me",
    summary="Read my profile",
    response_model=ProfileRead,
    responses=answers_with(200, "ETag") | problem_responses(*SIGN_IN_ERRORS),
)
async def read_my_profile(caller: CurrentCaller, response: Response) -> User:
    """Give the caller's own profile with its ETag; it needs no role."""
    user = User.from_caller(caller)
    response.headers["ETag"] = user.etag
    return user


@router.patch(
    "/me",
    summary="Change my profile",
    response_model=ProfileRead,
    responses=answers_with(200, "ETag")
    | problem_responses(
        *GUARD_ERRORS, PreconditionRequiredError, PreconditionFailedError, TooManyPreferencesError
    ),
)
async def update_my_profile(
    principal: CanWriteProfile,
    patch: ProfileUpdate,
    expected: ExpectedRevision,
    users: Users,
    response: Response,
) -> User:
    """Merge changes into the caller's own profile: absent stays, null goes (RFC 7396)."""
    user = await users.update_profile(principal, patch, expected)
    response.headers["ETag"] = user.etag
    return user


@router.get(
    "",
    summary="List users",
    response_model=Page[UserRead],
    responses=problem_responses(*GUARD_ERRORS, InvalidCursorError),
)
async def list_users(
    _: CanReadUsers, wanted: WantedUsers, paging: Paging, users: Users
) -> Page[User]:
    """List the users of the tenant, oldest first, in pages."""
    return await users.list_users(wanted, paging)


@router.post(
    "",
    summary="Make a user known",
    status_code=status.HTTP_201_CREATED,
    response_model=UserRead,
    dependencies=[ACCEPTS_KEY],
    responses=answers_with(201, "ETag", "Location", "Idempotent-Replay")
    | problem_responses(*GUARD_ERRORS, UnknownIssuerError, UserExistsError, *IDEMPOTENCY_ERRORS),
)
async def create_user(
    principal: CanManageUsers, body: UserCreate, users: Users, request: Request, response: Response
) -> User:
    """Make a user known before their first sign-in, to give them access ahead of time."""
    user = await users.add(principal, body)
    response.headers["Location"] = f"{request.url.path}/{user.id}"
    response.headers["ETag"] = user.etag
    return user


@router.get(
    "/{user_id:uuid}",
    summary="Read a user",
    response_model=UserRead,
    responses=answers_with(200, "ETag") | problem_responses(*GUARD_ERRORS, UserNotFoundError),
)
async def read_user(_: CanReadUsers, user_id: UserId, users: Users, response: Response) -> User:
    """Give one user of the tenant with the ETag."""
    user = await users.read(user_id)
    response.headers["ETag"] = user.etag
    return user


@router.patch(
    "/{user_id:uuid}",
    summary="Disable or enable a user",
    response_model=UserRead,
    responses=answers_with(200, "ETag")
    | problem_responses(
        *GUARD_ERRORS,
        UserNotFoundError,
        OwnAccountError,
        PreconditionRequiredError,
        PreconditionFailedError,
    ),
)
async def update_user(
    principal: CanManageUsers,
    user_id: UserId,
    body: UserUpdate,
    expected: ExpectedRevision,
    users: Users,
    response: Response,
) -> User:
    """Disable a user, or let them in again; it holds from their next request on."""
    user = await users.change_status(principal, user_id, body, expected)
    response.headers["ETag"] = user.etag
    return user


@router.delete(
    "/{user_id:uuid}",
    summary="Erase a user",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(
        *GUARD_ERRORS,
        UserNotFoundError,
        OwnAccountError,
        PreconditionRequiredError,
        PreconditionFailedError,
    ),
)
async def erase_user(
    principal: CanManageUsers, user_id: UserId, expected: ExpectedRevision, users: Users
) -> None:
    """Erase a user's personal data for good; collections that only they own pass to the admins."""
    await users.erase(principal, user_id, expected)
