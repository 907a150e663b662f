"""What each operation that changes something leaves in the audit when it succeeds.

A new one has to be named here: with the action that it is found by, or with nothing and a reason.
"""

from collections.abc import Mapping

import httpx2

from tests.support.database import TestDatabase
from tests.support.trail import trail_of

NOTHING: tuple[str, ...] = ()
LEAVES: Mapping[str, tuple[str, ...]] = {
    "POST /api/v1/users": ("user.provisioned",),
    "PATCH /api/v1/users/{user_id}": ("user.disabled",),
    "DELETE /api/v1/users/{user_id}": ("user.erased",),
    "POST /api/v1/api-keys": ("key.made",),
    "DELETE /api/v1/api-keys/{key_id}": ("key.revoked",),
    "DELETE /api/v1/collections/{collection_id}": ("collection.deleted",),
    "POST /api/v1/collections/{collection_id}/grants": ("grant.given",),
    "DELETE /api/v1/collections/{collection_id}/grants": ("grant.taken",),
    "DELETE /api/v1/documents/{document_id}": ("document.deleted",),
    "PUT /api/v1/documents/{document_id}/access": ("rule.changed",),
    "POST /api/v1/collections/{collection_id}/sources": ("source.added",),
    "DELETE /api/v1/sources/{source_id}": ("source.removed",),
    # Where there are sessions: tests/sessions.
    "DELETE /api/v1/sessions": NOTHING,
    "DELETE /api/v1/sessions/{session_id} (of another)": NOTHING,
    "POST /auth/logout (from another page)": NOTHING,
    # The issuer's act, which has no caller of ours.
    "POST /auth/backchannel-logout (a bad token)": NOTHING,
    # Reading.
    "POST /api/v1/search": NOTHING,
    "POST /api/v1/search (in the collection)": NOTHING,
    "POST /api/v1/answers": NOTHING,
    "POST /api/v1/answers (in the collection)": NOTHING,
    # A caller's own matter, and what editors do all day: the objects show who made them.
    "PATCH /api/v1/users/me": NOTHING,
    "POST /api/v1/collections": NOTHING,
    "PATCH /api/v1/collections/{collection_id}": NOTHING,
    "POST /api/v1/collections/{collection_id}/documents": NOTHING,
    "PATCH /api/v1/documents/{document_id}": NOTHING,
    "POST /api/v1/documents/{document_id}/retry": NOTHING,
    "PATCH /api/v1/sources/{source_id}": NOTHING,
    "POST /api/v1/sources/{source_id}/fetch": NOTHING,
}


async def entries_of(database: TestDatabase, answer: httpx2.Response) -> tuple[str, ...]:
    """Name what the request of an answer has done, as the audit tells it."""
    request_id = answer.headers["X-Request-ID"]
    return tuple(
        entry.action
        for entry in await trail_of(database)
        if entry.request_id == request_id and entry.outcome == "done"
    )
