"""What can go wrong with signing in and with sessions."""

from muniment.identity.errors import SignInFailedError
from muniment.kit.errors import NotFoundError


class SignInBrokenError(SignInFailedError):
    """What came back from the issuer is not what was asked for; the reason is only in the log."""

    code = "sign_in_broken"
    status = 400
    title = "The sign-in is not accepted"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "This sign-in was not begun in this browser, took too long, was used before, or did"
            " not end as it should.",
            hint="Begin anew at /auth/login; the log of the server has the reason.",
            reason=reason,
        )


class SignInDeniedError(SignInFailedError):
    """The issuer says that it let nobody in."""

    code = "sign_in_denied"
    status = 400
    title = "The identity provider signed nobody in"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The identity provider ended the sign-in without signing anybody in.",
            hint="Begin anew at /auth/login; the log of the server has the provider's reason.",
            reason=reason,
        )


class SignInLinkUsedError(SignInFailedError):
    """The link is not one of ours, was used before, or is too old."""

    code = "sign_in_link_used"
    status = 410
    title = "The link is good no more"

    def __init__(self) -> None:
        super().__init__(
            "This link signed somebody in already, or is older than ten minutes.",
            hint="Start `muniment up` again; it prints a new one.",
            reason=self.code,
        )


class SignInUnavailableError(NotFoundError):
    """No provider is configured that a browser could sign in at."""

    code = "sign_in_unavailable"
    title = "There is no sign-in with a browser"

    def __init__(self) -> None:
        super().__init__(
            "This server signs nobody in here: browsers sign in at a provider, or in local mode by"
            " a link.",
            hint="An administrator names a provider in the settings, under [identity.web]; without"
            " any `muniment up` prints a link.",
        )


class SessionNotFoundError(NotFoundError):
    """The caller has no such session."""

    code = "session_not_found"
    title = "No such session"

    def __init__(self) -> None:
        super().__init__(
            "You have no session with this id.",
            hint="GET /api/v1/sessions lists the sessions you have.",
        )


class GrantRefusedError(Exception):
    """The issuer does not take a code or a refresh token: its session has ended, or never was."""


class GrantLostError(Exception):
    """The issuer gave no answer that could be used. Raised before anybody is told anything."""
