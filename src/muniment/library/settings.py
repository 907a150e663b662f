"""Settings of the library."""

from datetime import timedelta

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from muniment.kit.durations import Duration


class EventSettings(BaseModel):
    """How many event streams there may be; each of them asks the database once a second."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_streams: int = Field(
        default=20,
        ge=1,
        description="Event streams that one user may have open at once in one process; more get"
        " 429.",
    )


class UploadSettings(BaseModel):
    """What may be uploaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: ByteSize = Field(
        default=ByteSize(100 * 2**20), ge=1, description="Largest file; larger ones get 413."
    )
    max_files: int = Field(
        default=100, ge=1, le=1000, description="Most files of one request; more get 413."
    )
    max_request_bytes: ByteSize = Field(
        default=ByteSize(2**30), ge=1, description="Largest request; larger ones get 413 at once."
    )
    min_free_bytes: ByteSize = Field(
        default=ByteSize(500 * 10**6),
        ge=0,
        description="Space that uploads leave free in the store of originals, on whose disk the"
        " embedded database lives as well; they get 503 before their body is read otherwise.",
    )
    abandoned_after: Duration = Field(
        default=timedelta(hours=24),
        ge=timedelta(minutes=1),
        description="Age from which stored bytes without a document count as left behind by a"
        " killed process, and are removed. Must exceed the longest upload: one that still runs"
        " by then gets 409.",
    )


class TenantLimits(BaseModel):
    """How much each tenant may keep and have waiting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents: int | None = Field(
        default=None,
        ge=0,
        description="Most documents of a tenant; more get 409. Those that were deleted do not"
        " count.",
    )
    bytes: ByteSize | None = Field(
        default=None,
        ge=0,
        description="Most bytes of a tenant's originals, all versions together; more get 409.",
    )
    waiting: int = Field(
        default=20_000,
        ge=1,
        description="Jobs of a tenant that may wait; uploads get 429 before their body is read"
        " while there are as many.",
    )
