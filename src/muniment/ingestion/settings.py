"""Settings of ingestion: what is taken in, and what parsing one document may cost."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.durations import Duration

_MEBIBYTE = 1024 * 1024


class UploadSettings(BaseModel):
    """What may be uploaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(
        default=100 * _MEBIBYTE, ge=1, description="Largest file, in bytes; larger ones get 413."
    )


class ParsingSettings(BaseModel):
    """What parsing one document may cost before it is stopped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout: Duration = Field(
        default=timedelta(seconds=60), description="Longest time for one document."
    )
    memory_bytes: int = Field(
        default=1024 * _MEBIBYTE,
        ge=64 * _MEBIBYTE,
        description="Most memory of the parsing process, in bytes.",
    )
    processes: int = Field(
        default=1, ge=1, le=64, description="Parsing processes kept warm by each worker."
    )


class IngestionSettings(BaseModel):
    """How much a worker does at once and how often it tries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: int = Field(
        default=2, ge=1, le=64, description="Documents that one worker works on at once."
    )
    max_attempts: int = Field(
        default=3, ge=1, le=20, description="Tries before a document is marked as failed."
    )
    lease: Duration = Field(
        default=timedelta(seconds=30),
        description="How long a worker may be silent before another one takes over its job.",
    )
