"""The one tree of expected failures: each class is a stable code, a status and a sentence.

A slice declares its own subclasses next to the rules that raise them. The HTTP edge renders
them as problem documents (RFC 9457), the command line as one sentence and a hint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

Place = Literal["body", "query", "path", "header"]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One fault in what the caller sent: where it stands and what is wrong with it."""

    place: Place
    where: str
    """A JSON Pointer (RFC 6901) for the body, a name for everything else."""
    code: str
    detail: str


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


class ConfigurationError(MunimentError):
    """The settings or the surroundings do not allow the program to run."""

    code = "configuration"
    status = 500
    title = "The configuration needs attention"
