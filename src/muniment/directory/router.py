"""`/principals`: whom one can share with."""

from fastapi import APIRouter

from muniment.directory.dependencies import Directory, Wanted
from muniment.directory.schemas import PrincipalFound, PrincipalsFound
from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.problems import problem_responses

router = APIRouter(prefix="/principals", tags=["principals"])


@router.get(
    "",
    summary="Find people and groups to share with",
    responses=problem_responses(*GUARD_ERRORS),
)
async def find_principals(wanted: Wanted, directory: Directory) -> PrincipalsFound:
    """Find active colleagues and groups of the tenant by a part of their name.

    What the settings (`identity.directory`) hide is not found.
    """
    found = await directory.find(wanted.query, wanted.limit)
    return PrincipalsFound(items=[PrincipalFound.model_validate(one) for one in found])
