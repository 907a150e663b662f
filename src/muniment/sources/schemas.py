"""Bodies about sources."""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.durations import Duration
from muniment.library.access_rules import AccessRule
from muniment.library.metadata import Metadata

SHORTEST: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(days=366)
RefetchEvery = Annotated[Duration, Field(ge=SHORTEST, le=LONGEST, examples=["PT1H"])]
SourceStatus = Literal["queued", "ready", "failing", "stopped"]


class SourceCreate(BaseModel):
    """A document to be fetched from an address, once or again and again."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="Address of the web page or file, http or https; also the document's uri.",
        examples=["https://example.org/handbook/leave.html"],
    )
    refetch_every: RefetchEvery | None = Field(
        default=None,
        description="How often it is fetched again: ISO 8601 or seconds, five minutes at least;"
        " null: only when asked for.",
    )
    access: AccessRule | None = Field(
        default=None, description="Access rule of the document, from the first moment on."
    )
    metadata: Metadata | None = Field(
        default=None, description="What the document says about itself; used in filters."
    )


class SourceUpdate(BaseModel):
    """A change to a source, as a JSON Merge Patch: what is absent stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"refetch_every": "P1D"}]}
    )

    refetch_every: RefetchEvery | None = Field(
        default=None, description="How often it is fetched again; null: only when asked for."
    )


class SourceFault(BaseModel):
    """Why the last fetch brought nothing."""

    code: str = Field(description="Stable word for the reason.", examples=["http_error"])
    detail: str = Field(description="What happened and what may help.")


class SourceRead(BaseModel):
    """A source as those who may edit its document see it."""

    id: UUID = Field(description="Never changes.")
    collection_id: UUID = Field(description="The collection that its document is in.")
    document_id: UUID | None = Field(description="The document; null until the first fetch.")
    url: str = Field(description="The address that is fetched.")
    refetch_every: timedelta | None = Field(description="How often; null: when asked for.")
    status: SourceStatus = Field(
        description="queued: it will be fetched; ready: the last fetch was fine; failing: it was"
        " not, see error; stopped: not fetched again until somebody asks for it."
    )
    error: SourceFault | None = Field(description="Why the last fetch brought nothing; else null.")
    fetched_at: datetime | None = Field(description="When its server last answered as wished.")
    next_fetch_at: datetime | None = Field(description="When it is due; null: not by itself.")
    created_at: datetime = Field(description="When it was added.")
    updated_at: datetime = Field(description="When anything about it changed last.")
