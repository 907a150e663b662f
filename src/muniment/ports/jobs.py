"""What slices say to each other through the queue: names of jobs and their values."""

from dataclasses import dataclass
from typing import TypeAlias

JobPayload: TypeAlias = dict[str, str | int]

INGEST_DOCUMENT = "ingest_document"
"""Read, cut, embed and index one version of a document."""

PURGE_DOCUMENT = "purge_document"
"""Remove what a deleted document has left: rows, index entries and originals."""

PURGE_ORIGINAL = "purge_original"
"""Remove the stored bytes of a version that no row speaks of any more."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be enqueued."""

    tenant_id: int
    kind: str
    key: str
    payload: JobPayload


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
    """All attempts were used up without an end: the job is parked and may only be reported."""
    last_attempt: bool
