"""`/auth`: signing in and out with a browser."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from muniment.identity.authentication import Authenticator, Caller
from muniment.identity.browser import HEADER, cookies_named
from muniment.identity.dependencies import CALLER_KEY
from muniment.identity.errors import (
    CrossSiteRequestError,
    ProviderUnavailableError,
    SessionEndedError,
    TenantRequiredError,
)
from muniment.kit.errors import UnavailableError
from muniment.kit.parameters import pass_unknown_parameters
from muniment.kit.problems import problem_responses
from muniment.sessions.cookies import SIGN_IN
from muniment.sessions.dependencies import (
    BroughtBack,
    LocalLinks,
    MySessions,
    SessionCookies,
    SigningIn,
)
from muniment.sessions.errors import (
    SignInBrokenError,
    SignInDeniedError,
    SignInLinkUsedError,
    SignInUnavailableError,
)
from muniment.sessions.opening import Browser
from muniment.sessions.schemas import SessionState, SignedInUser, SignedOut
from muniment.sessions.service import ATTEMPT_LASTS, Answer, attempt_of

FORM: Final = "application/x-www-form-urlencoded"
_OPEN: Final[dict[str, list[str]]] = {"security": []}
_FORM_SENT_ON: Final = {"description": "For a form: on to the issuer, or to the beginning."}
router = APIRouter(prefix="/auth", tags=["sign-in"])


@router.get(
    "/login",
    summary="Sign in",
    status_code=302,
    response_class=RedirectResponse,
    openapi_extra=_OPEN,
    responses=problem_responses(SignInUnavailableError, ProviderUnavailableError),
)
async def log_in(
    service: SigningIn,
    cookies: SessionCookies,
    next_page: Annotated[
        str | None, Query(alias="next", description="Where to go on: a path of this server.")
    ] = None,
) -> Response:
    """Send the browser to the issuer (OpenID Connect Core 1.0, with PKCE)."""
    departure = await service.begin(next_page)
    cookie = cookies.attempt(departure.attempt, departure.cookie, ATTEMPT_LASTS)
    return _redirect(departure.address, cookie)


@router.get(
    "/callback",
    summary="Come back from the issuer",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[Depends(pass_unknown_parameters)],
    openapi_extra=_OPEN,
    responses=problem_responses(
        SignInBrokenError,
        SignInDeniedError,
        SignInUnavailableError,
        TenantRequiredError,
        ProviderUnavailableError,
    ),
)
async def come_back(
    request: Request, service: SigningIn, cookies: SessionCookies, brought: BroughtBack
) -> Response:
    """Take the issuer's answer from the browser that asked for it, once, and open a session.

    What else the issuer says is passed over, as RFC 6749 wants it (4.1.2).
    """
    _refuse_repeated(request)
    state = brought.state or ""
    name = attempt_of(state)
    attempts = cookies_named(request, cookies.rules.cookie_name(SIGN_IN + name))
    arrival = await service.complete(
        Answer(state, brought.code, brought.iss, brought.error),
        attempts[0] if len(attempts) == 1 else None,
        _browser(request, cookies),
    )
    return _redirect(arrival.destination, cookies.session(arrival.cookie), cookies.no_attempt(name))


@router.get(
    "/local",
    summary="Sign in by a link",
    status_code=302,
    response_class=RedirectResponse,
    openapi_extra=_OPEN,
    responses=problem_responses(SignInUnavailableError, SignInLinkUsedError),
)
async def follow_link(
    request: Request,
    links: LocalLinks,
    cookies: SessionCookies,
    code: Annotated[str | None, Query(description="What the link was given out with.")] = None,
) -> Response:
    """Open a session by a link that `muniment up` printed: in local mode alone, and once."""
    cookie = await links.complete(code, _browser(request, cookies))
    return _redirect(links.landing, cookies.session(cookie))


@router.get(
    "/session",
    summary="Who is signed in",
    openapi_extra=_OPEN,
    responses=problem_responses(ProviderUnavailableError),
)
async def read_session(
    request: Request, response: Response, cookies: SessionCookies
) -> SessionState:
    """Tell whether this browser is signed in; asking does not keep the session alive."""
    caller = None
    if "authorization" not in request.headers:
        try:
            caller = await _caller_of(request, cookies)
        except SessionEndedError:
            response.headers.append("Set-Cookie", cookies.no_session())
    user = None
    if caller is not None:
        principal = caller.principal
        user = SignedInUser(
            id=principal.user_id,
            subject=principal.subject,
            tenant=principal.tenant,
            roles=sorted(principal.roles),
        )
    return SessionState(
        signed_in=caller is not None,
        user=user,
        expires_at=None if caller is None else caller.grounds.expires_at,
        csrf_header=HEADER,
    )


@router.post(
    "/logout",
    summary="Sign out",
    response_model=SignedOut,
    openapi_extra=_OPEN,
    responses={**problem_responses(CrossSiteRequestError, UnavailableError), 303: _FORM_SENT_ON},
)
async def log_out(request: Request, cookies: SessionCookies, own: MySessions) -> Response:
    """End the session of this browser here and tell where it ends at the issuer.

    A form of ours is sent on there; it needs no header, but has to come from this server. Of two
    cookies of the name one was planted: both sessions end, so that nobody is kept from signing out.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    cookies.rules.refuse_cross_site(request, needs_header=kind != FORM)
    values = dict.fromkeys(cookies_named(request, cookies.rules.cookie_name()))
    addresses = [await own.sign_out(value) for value in values]
    address = next((one for one in addresses if one is not None), None)
    if kind == FORM:
        return _redirect(address or "/", cookies.no_session(), status=303)
    answer = JSONResponse(SignedOut(end_session_url=address).model_dump())
    answer.headers.append("Set-Cookie", cookies.no_session())
    return answer


async def _caller_of(request: Request, cookies: SessionCookies) -> Caller | None:
    """Find who is signed in with the cookie, which may bring a new one."""
    cookie = cookies.rules.read_session(request)
    authenticator: object = request.state.authenticator
    if cookie is None or not isinstance(authenticator, Authenticator):
        return None
    caller = await authenticator.authenticate(None, cookie, is_activity=False)
    request.scope[CALLER_KEY] = caller
    return caller


def _browser(request: Request, cookies: SessionCookies) -> Browser:
    replaced = cookies_named(request, cookies.rules.cookie_name())
    return Browser(
        user_agent=request.headers.get("user-agent", ""),
        replaced=replaced[0] if len(replaced) == 1 else None,
    )


def _refuse_repeated(request: Request) -> None:
    """Refuse an answer that says something twice: two readers would read two answers."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) != len(set(names)):
        raise SignInBrokenError("said_twice")


def _redirect(address: str, *cookies: str, status: int = 302) -> Response:
    answer = RedirectResponse(address, status_code=status)
    for cookie in cookies:
        answer.headers.append("Set-Cookie", cookie)
    return answer
