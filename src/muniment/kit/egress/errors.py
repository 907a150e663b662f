"""Why something was not fetched: a closed set of reasons, none of which tells an address."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final, Literal

EgressCode = Literal[
    "url_malformed",
    "scheme_refused",
    "credentials_refused",
    "port_refused",
    "origin_refused",
    "address_refused",
    "host_not_found",
    "unreachable",
    "tls_failed",
    "timed_out",
    "too_large",
    "too_many_redirects",
    "redirect_refused",
    "encoding_refused",
    "answer_malformed",
    "http_error",
]

_PASSING: Final = frozenset({"host_not_found", "unreachable", "timed_out", "answer_malformed"})
_PASSING_STATUSES: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


class EgressError(Exception):
    """Something that was not fetched, with a reason that a person can act on.

    Not of the tree of answered errors: what it means for a caller, the slice decides that asked.
    """

    def __init__(
        self,
        code: EgressCode,
        detail: str,
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(detail)
        self.code: EgressCode = code
        self.detail = detail
        self.status = status
        """What the server answered, where that is the reason."""
        self.retry_after = retry_after
        """How long the server asks to be left alone."""

    @property
    def is_passing(self) -> bool:
        """Tell whether the same request may succeed by itself in a while."""
        if self.status is not None:
            is_theirs = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            return is_theirs or self.status in _PASSING_STATUSES
        return self.code in _PASSING
