"""Failures of identity: who is not known, who may not, and whose tenant cannot be told."""

from typing import ClassVar

from muniment.kit.errors import ForbiddenError, MunimentError


class AuthenticationRequiredError(MunimentError):
    """The request carries no credential."""

    code = "authentication_required"
    status = 401
    title = "Sign in first"

    def __init__(self) -> None:
        super().__init__(
            "This needs a signed-in caller, and the request carries no credential.",
            hint="Send the header Authorization: Bearer <access token>.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class InvalidTokenError(MunimentError):
    """The token is not accepted; the reason is only in the log.

    Every reason gives the same answer, so that an attacker learns nothing from it (RFC 6750, 3.1).
    """

    code = "invalid_token"
    status = 401
    title = "The token is not accepted"
    challenge: ClassVar[str] = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__(
            "The access token is not valid here, or no longer.",
            hint="Get a new access token and try again; the log of the server has the reason.",
            headers={"WWW-Authenticate": self.challenge},
        )


class TenantRequiredError(ForbiddenError):
    """The caller is known, but not exactly one tenant follows from the token."""

    code = "tenant_required"
    title = "No single tenant"


class PermissionDeniedError(ForbiddenError):
    """None of the caller's roles has the permission that this needs."""

    code = "permission_denied"
    title = "Permission denied"
