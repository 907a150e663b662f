"""The one tree of expected failures: each class is a stable code, a status and a sentence.

A slice declares its own subclasses next to the rules that raise them. The HTTP edge renders
them as problem documents (RFC 9457), the command line as one sentence and a hint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

Place = Literal["body", "query", "path", "header", "cookie"]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One fault in what the caller sent: where it stands and what is wrong with it."""

    place: Place
    where: str
    """A JSON Pointer (RFC 6901) for the body, a name for everything else."""
    code: str
    detail: str


def json_pointer(*steps: str | int) -> str:
    """Write the way into a JSON document as a pointer (RFC 6901): `~` and `/` in names escaped."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


class MunimentError(Exception):
    """An expected failure that a caller can understand and act on.

    Subclasses fix `code`, `status` and `title`; the instance says what happened this time.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str,
        *,
        hint: str | None = None,
        errors: tuple[FieldProblem, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.errors = errors
        self.headers = dict(headers or {})


class InvalidInputError(MunimentError):
    """The request is well-formed, but a value in it cannot be accepted."""

    code = "invalid_input"
    status = 422
    title = "A value cannot be accepted"


class NotFoundError(MunimentError):
    """The object does not exist, or the caller may not know that it does."""

    code = "not_found"
    status = 404
    title = "Not found"


class ConflictError(MunimentError):
    """The request collides with the present state of the object."""

    code = "conflict"
    status = 409
    title = "Conflicts with the present state"


class ForbiddenError(MunimentError):
    """The caller is known but may not do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class UnavailableError(MunimentError):
    """Something that the request needs is away for the moment; trying again later may work."""

    code = "unavailable"
    status = 503
    title = "Try again in a moment"

    def __init__(self, detail: str, *, hint: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(detail, hint=hint, headers={"Retry-After": str(retry_after_s)})


class BusyError(UnavailableError):
    """Everything that could answer is taken: a lock, a connection or the time allowed for it."""

    code = "busy"
    title = "Busy for the moment"


class WriteConflictError(ConflictError):
    """Two writers met and this one lost; the same request may succeed when it is sent again."""

    code = "write_conflict"
    title = "Another change came in between"

    def __init__(self, detail: str, *, hint: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(detail, hint=hint, headers={"Retry-After": str(retry_after_s)})


class MalformedRequestError(MunimentError):
    """The request cannot be read at all, for example because its JSON is broken."""

    code = "malformed_request"
    status = 400
    title = "The request cannot be read"


class UnknownHostError(MunimentError):
    """The server is not reached under this name, so another site may have sent the request."""

    code = "unknown_host"
    status = 400
    title = "Not known under this name"

    def __init__(self) -> None:
        super().__init__(
            "This server does not answer under the host that the request names.",
            hint="The setting server.allowed_hosts adds names.",
        )


class MethodNotAllowedError(MunimentError):
    """The path exists, but not with this verb (RFC 9110, 15.5.6)."""

    code = "method_not_allowed"
    status = 405
    title = "This path does not know that verb"


class ContentTooLargeError(MunimentError):
    """The body is larger than this route takes (RFC 9110, 15.5.14)."""

    code = "content_too_large"
    status = 413
    title = "The body is too large"


class TargetTooLongError(MunimentError):
    """The path and query of the request are longer than any address here (RFC 9110, 15.5.15)."""

    code = "target_too_long"
    status = 414
    title = "The address is too long"

    def __init__(self) -> None:
        super().__init__("The address of the request is longer than any that is known here.")


class UnsupportedMediaTypeError(MunimentError):
    """The body is of a kind that this route does not read (RFC 9110, 15.5.16)."""

    code = "unsupported_media_type"
    status = 415
    title = "This kind of body is not read here"


class RateLimitedError(MunimentError):
    """Too many requests in a short time from this caller, or from this address."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "There were too many requests in a short time.",
            hint="Send it again after the seconds of Retry-After.",
            headers={"Retry-After": str(retry_after_s)},
        )


class HeadTooLargeError(MunimentError):
    """The headers of the request are larger than the server reads (RFC 6585, 5)."""

    code = "head_too_large"
    status = 431
    title = "The headers are too large"

    def __init__(self) -> None:
        super().__init__("The headers of the request are larger than what is read here.")


class RefusedRequestError(MunimentError):
    """The web framework refused the request for a reason that has no code of its own."""

    code = "refused_request"
    status = 400
    title = "The request was refused"


class InternalError(MunimentError):
    """Something unexpected broke; the log has the details under the request id."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__(
            "The request could not be completed.",
            hint="Try again; if it stays, ask the operator and quote the request id.",
        )


class ConfigurationError(MunimentError):
    """The settings or the surroundings do not allow the program to run."""

    code = "configuration"
    status = 500
    title = "The configuration needs attention"
