"""Settings of the library."""

from datetime import timedelta

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from muniment.kit.durations import Duration


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
    abandoned_after: Duration = Field(
        default=timedelta(hours=24),
        ge=timedelta(minutes=1),
        description="Age from which stored bytes without a document count as left behind by a"
        " killed process, and are removed. Must exceed the longest upload: one that still runs"
        " by then gets 409.",
    )
