"""Failures of sources: what a caller is answered, and why a fetch brought nothing."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from muniment.kit.egress.errors import EgressError
from muniment.kit.errors import FieldProblem, InvalidInputError, MunimentError, NotFoundError
from muniment.library.errors import CollectionNotFoundError, NotAnEditorError

RIGHTS_EXPIRED: Final = "rights_expired"
_PASSING: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.INSUFFICIENT_STORAGE,
    }
)


class SourceNotFoundError(NotFoundError):
    """There is no such source, or the caller may not know that there is."""

    code = "source_not_found"
    title = "No such source"

    def __init__(self) -> None:
        super().__init__("There is no source with this id among those you may edit.")


class UrlRefusedError(InvalidInputError):
    """The address is not one that is ever fetched."""

    code = "url_refused"
    title = "This address is not fetched"

    def __init__(self, reason: EgressError) -> None:
        fault = FieldProblem("body", "/url", reason.code, reason.detail)
        super().__init__(reason.detail, errors=(fault,))


class FetchError(Exception):
    """Why a fetch brought nothing, as the source shows it."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        stops: bool = False,
        is_passing: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.stops = stops
        """Whether it is not fetched again until somebody asks for it."""
        self.is_passing = is_passing
        """Whether it may succeed by itself in a while."""
        self.retry_after = retry_after


def met_on_the_way(error: EgressError) -> FetchError:
    """Tell of what was met on the way; only 410 says that the thing is gone for good."""
    return FetchError(
        error.code,
        error.detail,
        stops=error.status == HTTPStatus.GONE,
        is_passing=error.is_passing,
        retry_after=error.retry_after,
    )


def refused_by_library(error: MunimentError) -> FetchError:
    """Tell of what the library refused: rights that are gone stop the source."""
    if isinstance(error, CollectionNotFoundError | NotAnEditorError):
        return rights_lost()
    return FetchError(error.code, error.detail, is_passing=error.status in _PASSING)


def rights_lost() -> FetchError:
    """Make the reason of a source whose owner may not write where it writes."""
    return FetchError(
        "rights_lost",
        "Whoever added this source may not edit the collection or the document any more. Who may,"
        " can add it again in their own name.",
        stops=True,
    )
