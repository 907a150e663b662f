"""Who gets which answer from every operation: the one table, and the page that is made from it.

`python -m tests.journeys.authorization` writes docs/reference/authorization.md anew.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "authorization.md"

CALLERS: Mapping[str, str] = {
    "owner": "made the collection and the document in it",
    "editor": "has a grant as editor",
    "reader": "has a grant as reader",
    "barred": "has a grant as reader, but the document's access rule leaves them out",
    "stranger": "is a member of the same tenant, without a grant",
    "foreign": "is member and admin of another tenant",
    "admin": "is an admin of the tenant and nothing else",
    "no role": "is signed in, without any role",
    "disabled": "was an admin, and is disabled",
    "nobody": "sends no token",
    "key": "sends an API key of the owner, with all that a key can have in its scope",
    "revoked key": "sends an API key of the owner that was revoked",
}
_IN_TABLE = [caller for caller in CALLERS if not caller.endswith("key")]
_NOT_BY_KEY = ("/api/v1/api-keys", "/api/v1/sessions")
"""Where no key gets in, whatever its owner may do."""
SEES_SOURCE = frozenset({"owner", "editor", "key"})
SEES_DOCUMENT = SEES_SOURCE | {"reader"}
SEES_COLLECTION = SEES_DOCUMENT | {"barred", "admin"}

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
tests.

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
            _statuses(found["path"], map(int, found["statuses"].split())),
            found["shows"],
        )
        for found in _ROW.finditer(_TABLE)
    ]


def _statuses(path: str, statuses: Iterable[int]) -> Mapping[str, int]:
    read = dict(zip(_IN_TABLE, statuses, strict=True))
    by_key = 403 if path.startswith(_NOT_BY_KEY) else read["owner"]
    return {**read, "key": by_key, "revoked key": read["nobody"]}


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
