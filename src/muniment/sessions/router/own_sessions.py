"""`/sessions`: the browsers that the caller is signed in with."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, status

from muniment.identity.dependencies import CurrentCaller
from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import Paging
from muniment.kit.problems import problem_responses
from muniment.sessions.dependencies import MySessions
from muniment.sessions.errors import SessionNotFoundError
from muniment.sessions.own import ListedSession
from muniment.sessions.schemas import OwnSession

router = APIRouter(prefix="/sessions", tags=["sign-in"])

SessionId = Annotated[UUID, Path(description="Id of the session.")]


@router.get(
    "",
    summary="List my sessions",
    response_model=Page[OwnSession],
    responses=problem_responses(*GUARD_ERRORS, InvalidCursorError),
)
async def list_my_sessions(
    caller: CurrentCaller, paging: Paging, own: MySessions
) -> Page[ListedSession]:
    """List the browsers that the caller is signed in with, oldest first, in pages."""
    return await own.list_own(caller, paging)


@router.delete(
    "",
    summary="End my other sessions",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*GUARD_ERRORS),
)
async def end_my_other_sessions(caller: CurrentCaller, own: MySessions) -> None:
    """End all sessions of the caller but the one of this request."""
    await own.end_others(caller)


@router.delete(
    "/{session_id}",
    summary="End one of my sessions",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*GUARD_ERRORS, SessionNotFoundError),
)
async def end_my_session(caller: CurrentCaller, session_id: SessionId, own: MySessions) -> None:
    """End one session of the caller, everywhere within a second."""
    await own.end_one(caller, session_id)
