"""Who gets which answer from every operation: the one table, and the page that is made from it.

`python -m tests.journeys.authorization` writes docs/reference/authorization.md anew.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

ARTEFACT = Path(__file__).parents[2] / "build" / "authorization-matrix.json"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "authorization.md"

CALLERS: Mapping[str, str] = {
    "owner": "made the collection and the document in it",
    "editor": "has a grant as editor",
    "reader": "has a grant as reader, is in the group of the document's access rule, and has just"
    " the clearance that it asks for",
    "barred": "has a grant as reader and is in that group, with a clearance just below",
    "stranger": "is a member of the same tenant, without a grant",
    "foreign": "is member and admin of another tenant",
    "admin": "is an admin of the tenant and nothing else",
    "no role": "is signed in, without any role",
    "disabled": "was an admin, and is disabled",
    "nobody": "sends no token",
    "by group": "like the reader, through a grant to a group above their own",
    "outsider": "has a grant as reader and the clearance, and is not in the group of the rule",
    "auditor": "is an auditor of the tenant and nothing else",
    "expired": "sends a token of the owner that has expired",
    "other client": "sends a token of the owner that another client got, with all of their roles",
    "key": "sends an API key of the owner, with all that a key can have in its scope",
    "revoked key": "sends an API key of the owner that was revoked",
}
_LIKE: Mapping[str, str] = {
    "by group": "reader",
    "outsider": "barred",
    "auditor": "no role",
    "expired": "nobody",
    "other client": "nobody",
    "key": "owner",
    "revoked key": "nobody",
}
"""Whose answers they get; what differs is said below."""
_IN_TABLE = [caller for caller in CALLERS if caller not in _LIKE]
_AUDITOR = {
    "PATCH /api/v1/users/me": 200,
    "GET /api/v1/audit": 200,
    "GET /api/v1/documents/{document_id}/access/explanation": 200,
}
"""What auditors may do beyond what everybody may."""
_NOT_BY_KEY = ("/api/v1/api-keys", "/api/v1/sessions")
"""Where no key gets in, whatever its owner may do."""
SEES_SOURCE = frozenset({"owner", "editor", "key"})
SEES_DOCUMENT = SEES_SOURCE | {"reader", "by group"}
SEES_COLLECTION = SEES_DOCUMENT | {"barred", "outsider", "admin"}

# What an operation shows on success: the document, the collection, the source, the user, the key,
# or nothing of them. A key does what its owner does, and is like no token when it is revoked.
_TABLE = """
                                                 own edi rea bar str for adm no- dis nob  shows
GET    /api/v1/users/me                          200 200 200 200 200 200 200 200 401 401  -
PATCH  /api/v1/users/me                          200 200 200 200 200 200 200 403 401 401  -
GET    /api/v1/users                             403 403 403 403 403 200 200 403 401 401  user
POST   /api/v1/users                             403 403 403 403 403 201 201 403 401 401  -
GET    /api/v1/users/{user_id}                   403 403 403 403 403 404 200 403 401 401  user
PATCH  /api/v1/users/{user_id}                   403 403 403 403 403 404 200 403 401 401  user
DELETE /api/v1/users/{user_id}                   403 403 403 403 403 404 204 403 401 401  -
GET    /api/v1/principals                        200 200 200 200 200 200 403 403 401 401  -
POST   /api/v1/search                            200 200 200 200 200 200 403 403 401 401  document
POST   /api/v1/search (in the collection)        200 200 200 200 404 404 403 403 401 401  document
POST   /api/v1/answers                           200 200 200 200 200 200 403 403 401 401  document
POST   /api/v1/answers (in the collection)       200 200 200 200 404 404 403 403 401 401  document
POST   /api/v1/collections                       201 201 201 201 201 201 403 403 401 401  -
GET    /api/v1/collections                       200 200 200 200 200 200 200 403 401 401  collection
GET    /api/v1/collections/{collection_id}       200 200 200 200 404 404 200 403 401 401  collection
PATCH  /api/v1/collections/{collection_id}       200 403 403 403 404 404 403 403 401 401  collection
DELETE /api/v1/collections/{collection_id}       204 403 403 403 404 404 403 403 401 401  -
GET    /api/v1/collections/{collection_id}/grants
                                                 200 403 403 403 404 404 200 403 401 401  -
POST   /api/v1/collections/{collection_id}/grants
                                                 201 403 403 403 404 404 201 403 401 401  -
DELETE /api/v1/collections/{collection_id}/grants
                                                 204 403 403 403 404 404 204 403 401 401  -
GET    /api/v1/collections/{collection_id}/documents
                                                 200 200 200 200 404 404 403 403 401 401  document
POST   /api/v1/collections/{collection_id}/documents
                                                 202 202 403 403 404 404 403 403 401 401  -
GET    /api/v1/collections/{collection_id}/events
                                                 200 200 200 200 404 404 403 403 401 401  -
GET    /api/v1/documents/{document_id}           200 200 200 404 404 404 403 403 401 401  document
PATCH  /api/v1/documents/{document_id}           200 200 403 404 404 404 403 403 401 401  document
DELETE /api/v1/documents/{document_id}           204 204 403 404 404 404 403 403 401 401  -
POST   /api/v1/documents/{document_id}/retry     202 202 403 404 404 404 403 403 401 401  document
GET    /api/v1/documents/{document_id}/versions  200 200 200 404 404 404 403 403 401 401  -
GET    /api/v1/documents/{document_id}/access    200 200 403 404 404 404 403 403 401 401  -
PUT    /api/v1/documents/{document_id}/access    200 200 403 404 404 404 403 403 401 401  -
GET    /api/v1/documents/{document_id}/access/explanation
                                                 200 403 403 404 404 404 200 403 401 401  -
GET    /api/v1/documents/{document_id}/text      200 200 200 404 404 404 403 403 401 401  document
GET    /api/v1/documents/{document_id}/content   200 200 200 404 404 404 403 403 401 401  document
HEAD   /api/v1/documents/{document_id}/content   200 200 200 404 404 404 403 403 401 401  document
GET    /api/v1/documents/{document_id}/chunks    200 200 200 404 404 404 403 403 401 401  document
GET    /api/v1/documents/{document_id}/events    200 200 200 404 404 404 403 403 401 401  -
POST   /api/v1/collections/{collection_id}/sources
                                                 202 202 403 403 404 404 403 403 401 401  -
GET    /api/v1/collections/{collection_id}/sources
                                                 200 200 403 403 404 404 403 403 401 401  source
GET    /api/v1/sources/{source_id}               200 200 404 404 404 404 403 403 401 401  source
PATCH  /api/v1/sources/{source_id}               200 200 404 404 404 404 403 403 401 401  source
DELETE /api/v1/sources/{source_id}               204 204 404 404 404 404 403 403 401 401  -
POST   /api/v1/sources/{source_id}/fetch         202 202 404 404 404 404 403 403 401 401  source
POST   /api/v1/api-keys                          403 403 403 403 403 403 403 403 401 401  -
GET    /api/v1/api-keys                          200 200 200 200 200 200 403 403 401 401  key
GET    /api/v1/api-keys/{key_id}                 200 404 404 404 404 404 403 403 401 401  key
DELETE /api/v1/api-keys/{key_id}                 204 404 404 404 404 404 403 403 401 401  -
GET    /api/v1/audit                             403 403 403 403 403 200 200 403 401 401  -
POST   /auth/backchannel-logout (a bad token)    400 400 400 400 400 400 400 400 400 400  -
GET    /api/v1/sessions                          200 200 200 200 200 200 200 200 401 401  -
DELETE /api/v1/sessions                          204 204 204 204 204 204 204 204 401 401  -
DELETE /api/v1/sessions/{session_id} (of another)
                                                 404 404 404 404 404 404 404 404 401 401  -
GET    /auth/login (without a provider)          404 404 404 404 404 404 404 404 404 404  -
GET    /auth/callback (without a provider)       404 404 404 404 404 404 404 404 404 404  -
GET    /auth/local (without a code)              410 410 410 410 410 410 410 410 410 410  -
GET    /auth/session                             200 200 200 200 200 200 200 200 200 200  -
POST   /auth/logout (from another page)          403 403 403 403 403 403 403 403 403 403  -
GET    /healthz                                  200 200 200 200 200 200 200 200 200 200  -
GET    /readyz                                   200 200 200 200 200 200 200 200 200 200  -
GET    /metrics                                  200 200 200 200 200 200 200 200 200 200  -
"""
_ROW = re.compile(
    r"^(?P<verb>[A-Z]+) +(?P<path>/\S+)(?: \((?P<note>[^)]+)\))?"
    r"\s+(?P<statuses>(?:\d{3} ){10}) (?P<shows>\S+)$",
    re.MULTILINE,
)
_HEAD = """\
# Who gets which answer

This page is made from the table that the tests try against the running product
(`tests/journeys/authorization.py` writes it anew). An operation that is not in the table fails the
tests. What they saw stands in `build/authorization-matrix.json` afterwards.

404 stands where the caller may not know of the object, 403 where they may know but not act, or
hold no role for this kind of act. Where a list or a search answers 200 to callers who may not read
the document, it shows nothing of it. A document's access rule binds readers, editors and admins
alike (see [Access](../guides/access.md)).

| caller | who |
|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One operation: what each caller is answered, and what a success shows."""

    verb: str
    path: str
    note: str | None
    statuses: Mapping[str, int]
    shows: str

    @property
    def operation(self) -> tuple[str, str]:
        return self.verb, self.path

    @override
    def __str__(self) -> str:
        return f"{self.verb} {self.path}{f' ({self.note})' if self.note else ''}"


def read_table() -> list[Row]:
    return [
        Row(
            found["verb"],
            found["path"],
            found["note"],
            _statuses(found["verb"], found["path"], map(int, found["statuses"].split())),
            found["shows"],
        )
        for found in _ROW.finditer(_TABLE)
    ]


def _statuses(verb: str, path: str, statuses: Iterable[int]) -> Mapping[str, int]:
    read = dict(zip(_IN_TABLE, statuses, strict=True))
    read |= {caller: read[other] for caller, other in _LIKE.items()}
    if path.startswith(_NOT_BY_KEY):
        read["key"] = 403
    read["auditor"] = _AUDITOR.get(f"{verb} {path}", read["auditor"])
    return {caller: read[caller] for caller in CALLERS}


class Observed:
    """What the running product answered, row by row: the artefact of a test run."""

    def __init__(self) -> None:
        self._statuses: dict[str, dict[str, int]] = {}

    def note(self, row: Row, caller: str, status: int) -> None:
        """Remember an answer."""
        self._statuses.setdefault(str(row), {})[caller] = status

    def publish(self) -> None:
        """Write all of it down."""
        ARTEFACT.parent.mkdir(exist_ok=True)
        found = {
            row: {caller: seen[caller] for caller in CALLERS if caller in seen}
            for row, seen in sorted(self._statuses.items())
        }
        ARTEFACT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def write_page() -> str:
    return _HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for caller, who in CALLERS.items():
        yield f"| {caller} | {who} |\n"
    yield f"\n| operation | {' | '.join(CALLERS)} |\n|---|{'---|' * len(CALLERS)}\n"
    for row in read_table():
        note = f" {row.note}" if row.note else ""
        statuses = " | ".join(str(row.statuses[caller]) for caller in CALLERS)
        yield f"| `{row.verb} {row.path}`{note} | {statuses} |\n"


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
