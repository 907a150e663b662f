"""`/audit`: who did what and was refused what, for auditors and admins."""

from fastapi import APIRouter

from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.pagination import InvalidCursorError, Page
from muniment.kit.parameters import Paging
from muniment.kit.problems import problem_responses
from muniment.oversight.dependencies import CanReadAudit, Oversight, WantedEntries
from muniment.oversight.schemas import EntryRead

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get(
    "",
    summary="Read the audit",
    responses=problem_responses(*GUARD_ERRORS, InvalidCursorError),
)
async def read_audit(
    principal: CanReadAudit, wanted: WantedEntries, paging: Paging, oversight: Oversight
) -> Page[EntryRead]:
    """List what was done in the tenant and refused to its users, newest first, in pages.

    Entries hold ids and codes. They tell no names, titles or content.
    """
    return await oversight.list_entries(principal, wanted, paging)
