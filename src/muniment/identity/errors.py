"""Failures of identity: who is not known, who may not, and whose tenant cannot be told."""

from typing import ClassVar

from muniment.audit.acts import Actor
from muniment.kit.errors import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    InvalidInputError,
    MunimentError,
    RateLimitedError,
    UnavailableError,
)


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

    def __init__(self, reason: str = "other", actor: Actor | None = None) -> None:
        """Keep what the audit may know of it, and nobody who is answered."""
        self.reason = reason
        self.actor = actor
        super().__init__(
            "The access token is not valid here, or no longer.",
            hint="Get a new access token and try again; the log of the server has the reason.",
            headers={"WWW-Authenticate": self.challenge},
        )


class SessionEndedError(MunimentError):
    """The cookie stands for no living session; the reason is only in the log."""

    code = "session_ended"
    status = 401
    title = "The session has ended"

    def __init__(self) -> None:
        super().__init__(
            "The browser session has ended, or never was.",
            hint="Sign in again at /auth/login.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class CrossSiteRequestError(ForbiddenError):
    """A request with a cookie that would change something, and not from a page of ours."""

    code = "cross_site_request"
    title = "Not from a page of this server"

    def __init__(self) -> None:
        super().__init__(
            "With the cookie of a session, only pages of this server may change anything.",
            hint="Send the header X-Muniment: 1 from a page of this server, or call with a token.",
        )


class SignInFailedError(MunimentError):
    """Nobody was signed in with a browser; the audit may know why, who is answered may not."""

    code = "sign_in_failed"
    status = 400
    title = "Nobody was signed in"

    def __init__(self, detail: str, *, hint: str, reason: str) -> None:
        self.reason = reason
        super().__init__(detail, hint=hint)


class TenantRequiredError(ForbiddenError):
    """The caller is known, but not exactly one tenant follows from the token."""

    code = "tenant_required"
    title = "No single tenant"


class ProviderUnavailableError(UnavailableError):
    """The identity provider does not answer, so nothing can be said about the credential."""

    code = "provider_unavailable"
    title = "The identity provider does not answer"

    def __init__(self) -> None:
        super().__init__(
            "The identity provider does not answer, so the credential cannot be checked.",
            hint="Keep the credential, and try again in a moment.",
            retry_after_s=5,
        )


class PermissionDeniedError(ForbiddenError):
    """None of the caller's roles has the permission that this needs."""

    code = "permission_denied"
    title = "Permission denied"


class IdempotencyInProgressError(ConflictError):
    """A request with this Idempotency-Key is running and has no answer yet."""

    code = "idempotency_in_progress"
    title = "The first request is still running"

    def __init__(self) -> None:
        super().__init__(
            "A request with this Idempotency-Key is still running.",
            hint="Wait a moment and send the same request again.",
            headers={"Retry-After": "1"},
        )


class IdempotencyKeyReusedError(InvalidInputError):
    """The Idempotency-Key was used for another request before."""

    code = "idempotency_key_reused"
    title = "The key belongs to another request"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was sent before with another request.",
            hint="Make a new key for each thing that you want to create.",
        )


class AnswerGoneError(MunimentError):
    """The Idempotency-Key stands for an answer about something that was deleted since."""

    code = "answer_gone"
    status = 410
    title = "What the request made is gone"

    def __init__(self) -> None:
        super().__init__(
            "This request was answered before. Something that the answer named was deleted since.",
            hint="To do it once more, send it with a new Idempotency-Key.",
        )


class UnknownRoleError(InvalidInputError):
    """The settings have no such role, so nobody can have it."""

    code = "unknown_role"
    title = "No such role"

    def __init__(self, role: str, known: str, pointer: str) -> None:
        detail = f"There is no role {role!r}; the roles are {known}."
        super().__init__(
            detail,
            hint="The settings [identity.roles] add roles.",
            errors=(FieldProblem("body", pointer, self.code, detail),),
        )


class UnknownIssuerError(InvalidInputError):
    """Tokens of this issuer are not accepted, so none of its users can sign in."""

    code = "unknown_issuer"
    title = "No such issuer"

    def __init__(self, issuer: str, known: str, pointer: str) -> None:
        detail = f"No tokens of {issuer!r} are accepted here; the issuers are {known}."
        super().__init__(
            detail,
            hint="Write the issuer exactly as `iss` in its tokens.",
            errors=(FieldProblem("body", pointer, self.code, detail),),
        )


SIGN_IN_ERRORS = (
    AuthenticationRequiredError,
    InvalidTokenError,
    SessionEndedError,
    CrossSiteRequestError,
    TenantRequiredError,
    ProviderUnavailableError,
    RateLimitedError,
)
"""What every route may answer before it knows its caller."""

GUARD_ERRORS = (*SIGN_IN_ERRORS, PermissionDeniedError)
"""What every route that needs a permission may answer."""

IDEMPOTENCY_ERRORS = (IdempotencyInProgressError, IdempotencyKeyReusedError, AnswerGoneError)
"""What every route that takes an Idempotency-Key may answer."""
