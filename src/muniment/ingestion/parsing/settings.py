"""What a document may cost while it is read."""

from datetime import timedelta

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from muniment.kit.durations import Duration


class ParsingSettings(BaseModel):
    """Limits of the child processes that read documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_limit: Duration = Field(
        default=timedelta(seconds=120),
        gt=timedelta(0),
        description="Longest time that reading one document may take; then the child is killed.",
    )
    start_limit: Duration = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="Longest time that a child may take to start and load its parsers.",
    )
    memory_limit: ByteSize = Field(
        default=ByteSize(2**30),
        ge=384 * 2**20,
        description="Most address space that a child may have; its libraries alone take 270 MB.",
    )
    recycle_above: ByteSize = Field(
        default=ByteSize(256 * 2**20),
        description="A child holding more resident memory than this after a document is replaced.",
    )
    children: int = Field(
        default=1, ge=1, le=64, description="How many documents are read at the same time."
    )
    documents_per_child: int = Field(
        default=500, ge=1, description="A child is replaced after this many documents."
    )
    max_text: ByteSize = Field(
        default=ByteSize(64 * 2**20),
        ge=1,
        description="Most bytes (UTF-8) of text that one document may give.",
    )
