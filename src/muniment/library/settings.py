"""Settings of the library."""

from pydantic import BaseModel, ByteSize, ConfigDict, Field


class UploadSettings(BaseModel):
    """What may be uploaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: ByteSize = Field(
        default=ByteSize(100 * 2**20), ge=1, description="Largest file; larger ones get 413."
    )
