"""`/auth/backchannel-logout`: where issuers say that a session of theirs has ended."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response

from muniment.identity.errors import ProviderUnavailableError
from muniment.kit.errors import UnsupportedMediaTypeError
from muniment.kit.problems import problem_responses
from muniment.kit.state import from_state
from muniment.revocation.errors import LogoutTokenRefusedError
from muniment.revocation.service import BackChannel

FORM = "application/x-www-form-urlencoded"
_FIELDS = 10
router = APIRouter(prefix="/auth", tags=["sign-in"])

IssuersCall = Annotated[BackChannel, Depends(from_state("back_channel", BackChannel))]


@router.post(
    "/backchannel-logout",
    summary="Hear of a logout from the issuer",
    status_code=200,
    response_class=Response,
    openapi_extra={
        "security": [],
        "requestBody": {
            "required": True,
            "content": {
                FORM: {
                    "schema": {
                        "type": "object",
                        "required": ["logout_token"],
                        "properties": {"logout_token": {"type": "string"}},
                    }
                }
            },
        },
    },
    responses=problem_responses(
        LogoutTokenRefusedError, UnsupportedMediaTypeError, ProviderUnavailableError
    ),
)
async def back_channel_logout(request: Request, back_channel: IssuersCall) -> Response:
    """End what a logout token of an accepted issuer names: one session, or all of a user.

    OpenID Connect Back-Channel Logout 1.0. The token is its own proof, so nobody signs in for it.
    """
    await back_channel.log_out(await _read_token(request))
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


async def _read_token(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise UnsupportedMediaTypeError(f"Send the logout token as {FORM}.")
    try:
        fields = parse_qs(
            (await request.body()).decode("ascii"), strict_parsing=True, max_num_fields=_FIELDS
        )
    except ValueError:
        raise LogoutTokenRefusedError from None
    tokens = fields.get("logout_token", [])
    if len(tokens) != 1:
        raise LogoutTokenRefusedError
    return tokens[0]
