"""What the routes of signing in ask for."""

from typing import Annotated

from fastapi import Depends, Query, Request

from muniment.kit.state import from_state
from muniment.sessions.cookies import Cookies
from muniment.sessions.errors import SignInUnavailableError
from muniment.sessions.local import LocalSignIn
from muniment.sessions.own import OwnSessions
from muniment.sessions.schemas import CallbackParameters
from muniment.sessions.service import SignInService

SessionCookies = Annotated[Cookies, Depends(from_state("cookies", Cookies))]
MySessions = Annotated[OwnSessions, Depends(from_state("own_sessions", OwnSessions))]
BroughtBack = Annotated[CallbackParameters, Query()]


async def _sign_in_service(request: Request) -> SignInService:
    service: object = request.state.sign_in_service
    if not isinstance(service, SignInService):
        raise SignInUnavailableError
    return service


async def _local_sign_in(request: Request) -> LocalSignIn:
    service: object = request.state.local_sign_in
    if not isinstance(service, LocalSignIn):
        raise SignInUnavailableError
    return service


LocalLinks = Annotated[LocalSignIn, Depends(_local_sign_in)]
"""Signing in by a link, in local mode. Raises SignInUnavailableError."""

SigningIn = Annotated[SignInService, Depends(_sign_in_service)]
"""Signing in at the issuer, where one is set up. Raises SignInUnavailableError."""
