"""Failures of revocation."""

from muniment.kit.errors import MunimentError


class LogoutTokenRefusedError(MunimentError):
    """The logout token is not accepted; the reason is only in the log."""

    code = "logout_token_refused"
    status = 400
    title = "The logout token is not accepted"

    def __init__(self) -> None:
        super().__init__(
            "This is not a valid logout token of an accepted issuer, or it was used before.",
            hint="The log of the server has the reason.",
        )
