"""What slices say to each other through the queue: names of jobs and their values."""

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

JobPayload: TypeAlias = dict[str, str | int]

INGEST_DOCUMENT = "ingest_document"
"""Read, cut, embed and index one version of a document."""

PURGE_DOCUMENT = "purge_document"
"""Remove what a deleted document has left: rows, index entries and originals."""

PURGE_ORIGINAL = "purge_original"
"""Remove the stored bytes of a version that no row speaks of any more."""

COUNT_WORDS = "count_words"
"""Let the word counts of a collection follow a document whose rule came or went."""

FOLD_POSTINGS = "fold_postings"
"""Move chunks that wait beside the packed postings of a tenant into them."""

CLEAN_POSTINGS = "clean_postings"
"""Drop from the packed postings of a tenant what is gone."""

FETCH_SOURCE = "fetch_source"
"""Fetch a source and let its document follow."""

NOBODY = UUID(int=0)
"""For whom jobs are done that no user waits for: they take turns as one more user would."""

UNTIL_DONE = 1_000_000
"""Attempts of a job that is never given up: what was deleted must go, however long it takes."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be enqueued."""

    tenant_id: int
    kind: str
    key: str
    payload: JobPayload
    max_attempts: int = 3
    user_id: UUID = NOBODY
    """Who waits for it. The users of a tenant take turns, as tenants do."""
    goes_first: bool = False
    """Before all that waits for its turn: what was deleted or restricted must not wait for what
    is added."""


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this worker holds for the length of its lease."""

    id: int
    tenant_id: int
    kind: str
    key: str
    payload: JobPayload
    attempt: int
    fence: int
    exhausted: bool
    """All attempts were used up without an end: it may only be reported and parked."""
    last_attempt: bool
    user_id: UUID = NOBODY
    """Who waits for it."""


def original_purge(tenant_id: int, key: str) -> NewJob:
    """Ask for the removal of stored bytes."""
    return NewJob(
        tenant_id, PURGE_ORIGINAL, key, {"key": key}, max_attempts=UNTIL_DONE, goes_first=True
    )


def document_purge(tenant_id: int, document_id: UUID) -> NewJob:
    """Ask for the removal of what a deleted document has left."""
    name = str(document_id)
    payload: JobPayload = {"document_id": name}
    return NewJob(
        tenant_id, PURGE_DOCUMENT, name, payload, max_attempts=UNTIL_DONE, goes_first=True
    )


def word_recount(tenant_id: int, document_id: UUID) -> NewJob:
    """Ask for the words of a document to be counted, or not any more."""
    name = str(document_id)
    payload: JobPayload = {"document_id": name}
    return _follow_up(tenant_id, COUNT_WORDS, name, payload)


def document_ingestion(
    tenant_id: int, document_id: UUID, version: int, user_id: UUID = NOBODY
) -> NewJob:
    """Ask for a version of a document to be read and indexed, for whoever waits for it."""
    payload: JobPayload = {"document_id": str(document_id), "version": version}
    key = f"{document_id}:{version}"
    return NewJob(tenant_id, INGEST_DOCUMENT, key, payload, user_id=user_id)


def source_fetch(tenant_id: int, source_id: UUID, user_id: UUID) -> NewJob:
    """Ask for a source to be fetched, in the name of whoever added it."""
    name = str(source_id)
    return NewJob(tenant_id, FETCH_SOURCE, name, {"source_id": name}, user_id=user_id)


def postings_fold(tenant_id: int) -> NewJob:
    """Ask for the tail of a tenant to be folded into its postings."""
    return _follow_up(tenant_id, FOLD_POSTINGS, str(tenant_id), {})


def postings_cleaning(tenant_id: int, after: int = -1) -> NewJob:
    """Ask for a pass through the postings of a tenant, from the terms after the given one on."""
    return _follow_up(tenant_id, CLEAN_POSTINGS, str(tenant_id), {"after": after})


def _follow_up(tenant_id: int, kind: str, key: str, payload: JobPayload) -> NewJob:
    return NewJob(tenant_id, kind, key, payload, max_attempts=UNTIL_DONE, goes_first=True)
