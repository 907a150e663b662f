"""What can go wrong with signing in and with sessions."""

from muniment.kit.errors import MunimentError, NotFoundError


class SignInBrokenError(MunimentError):
    """What came back from the issuer is not what was asked for; the reason is only in the log."""

    code = "sign_in_broken"
    status = 400
    title = "The sign-in is not accepted"

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was not begun in this browser, took too long, was used before, or did"
            " not end as it should.",
            hint="Begin anew at /auth/login; the log of the server has the reason.",
        )


class SignInDeniedError(MunimentError):
    """The issuer says that it let nobody in."""

    code = "sign_in_denied"
    status = 400
    title = "The identity provider signed nobody in"

    def __init__(self) -> None:
        super().__init__(
            "The identity provider ended the sign-in without signing anybody in.",
            hint="Begin anew at /auth/login; the log of the server has the provider's reason.",
        )


class SignInUnavailableError(NotFoundError):
    """No provider is configured that a browser could sign in at."""

    code = "sign_in_unavailable"
    title = "There is no sign-in with a browser"

    def __init__(self) -> None:
        super().__init__(
            "No identity provider is set up for signing in with a browser.",
            hint="An administrator names one in the settings, under [identity.web].",
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
