"""Settings of the worker."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.durations import Duration


class IngestionSettings(BaseModel):
    """How much a worker does at once, and how it notices and takes over what was left behind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Documents that one worker works on at once; one more if it"
        " is of a user who has none among them.",
    )
    lease: Duration = Field(
        default=timedelta(seconds=15),
        gt=timedelta(seconds=1),
        description="How long a worker may be silent before another one takes over its job.",
    )
    poll_interval: Duration = Field(
        default=timedelta(seconds=1),
        gt=timedelta(0),
        description="How often an idle worker looks for new jobs.",
    )
    embedding_batch: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="Chunks between two looks at the lease and two steps of the progress shown.",
    )
