"""What handlers take from the request in the same way everywhere, as `Annotated` aliases."""

from typing import Annotated

from fastapi import Depends, Header, Query
from fastapi.params import Depends as DependsMarker
from starlette.requests import Request

from muniment.kit.etag import IfMatch
from muniment.kit.middleware import BODY_LIMIT_KEY
from muniment.kit.pagination import DEFAULT_LIMIT, MAX_LIMIT, PageRequest


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
