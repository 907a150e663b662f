"""What handlers take from the request in the same way everywhere, as `Annotated` aliases."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Header, Query
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Depends as DependsMarker
from fastapi.routing import APIRoute
from starlette.requests import Request

from muniment.kit.errors import FieldProblem, InvalidInputError
from muniment.kit.etag import IfMatch
from muniment.kit.middleware import BODY_LIMIT_KEY
from muniment.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, PageRequest

_LONGEST_SHOWN = 64
_MOST_SHOWN = 16
"""What a refusal repeats of what the caller has sent."""


async def _read_page_request(
    cursor: Annotated[
        str | None, Query(description="The `next` of the page before; absent for the first.")
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="How many items a page may have.")
    ] = DEFAULT_LIMIT,
) -> PageRequest:
    return PageRequest(cursor=cursor, limit=limit)


async def _read_if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag of the object as last read, or `*`; without it: 428.",
            examples=['"0198f2e5c6a7.3"'],
        ),
    ] = None,
) -> IfMatch:
    return IfMatch.parse(if_match)


Paging = Annotated[PageRequest, Depends(_read_page_request)]
"""`?cursor=&limit=` of a list route."""

ExpectedRevision = Annotated[IfMatch, Depends(_read_if_match)]
"""The required `If-Match` of a changing route."""


def body_limit(max_bytes: int) -> DependsMarker:
    """Give a route its own limit on the size of the body; put it into its `dependencies`.

    It must come after the dependency that knows the caller, and the handler must read the body
    itself: FastAPI reads declared bodies before it runs any dependency.
    """

    async def raise_limit(request: Request) -> None:
        request.scope[BODY_LIMIT_KEY] = max_bytes

    return DependsMarker(raise_limit)


class UnknownParameterError(InvalidInputError):
    """The address has a query parameter that the route does not know, maybe one misspelt."""

    code = "unknown_parameter"
    title = "A query parameter is not known"

    def __init__(self, unknown: list[str], known: list[str]) -> None:
        super().__init__(
            f"This address does not know the query parameter {', '.join(unknown)}.",
            hint=f"It knows {', '.join(known)}." if known else "It takes no query parameters.",
            errors=tuple(
                FieldProblem("query", name, self.code, "This parameter is not known here.")
                for name in unknown
            ),
        )


async def pass_unknown_parameters() -> None:
    """Put into the `dependencies` of a route that somebody else's standard lets say more."""


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a parameter that no route reads: a filter that is ignored answers another question.

    Put into the `dependencies` of a router. Raises UnknownParameterError, but not at a route with
    `pass_unknown_parameters`.
    """
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    asked_for = list(_with_inner(route.dependant))
    if any(each.call is pass_unknown_parameters for each in asked_for):
        return
    asked = Dependant(query_params=[field for each in asked_for for field in each.query_params])
    known = {field.alias for field in get_flat_params(asked)}
    unknown = sorted({name[:_LONGEST_SHOWN] for name in request.query_params if name not in known})
    if unknown:
        raise UnknownParameterError(unknown[:_MOST_SHOWN], sorted(known))


def _with_inner(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _with_inner(inner)
