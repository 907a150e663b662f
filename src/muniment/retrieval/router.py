"""`/search`: ranked passages of what the caller may read."""

from fastapi import APIRouter

from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.problems import problem_responses
from muniment.library.errors import CollectionNotFoundError
from muniment.retrieval.dependencies import CanSearch, Searches
from muniment.retrieval.schemas import SearchRequest, SearchResponse

router = APIRouter(prefix="/search", tags=["search"])


@router.post(
    "",
    summary="Search passages",
    responses=problem_responses(*GUARD_ERRORS, CollectionNotFoundError),
)
async def search_passages(
    principal: CanSearch, request: SearchRequest, searches: Searches
) -> SearchResponse:
    """Find the passages that fit a question best, among the documents that the caller may read.

    `text` is exactly `text[start:end]` of the version, counted in code points.
    """
    found = await searches.search(principal, request)
    return SearchResponse.of(found, explain=request.explain)
