"""Settings of the arms: when every permitted chunk is compared, and how hard an index looks."""

from pydantic import BaseModel, ConfigDict, Field


class ArmSettings(BaseModel):
    """Where exact search ends and the approximate index begins.

    Measured on 100,000 chunks: an exact scan costs .45 to .9 microseconds a chunk and arm, while an
    approximate index that must skip most of what it finds costs up to a hundred times that and
    still comes back short. So few permitted chunks are compared one by one; vectors longer than
    words, because the packed postings lose nothing behind any wall and the vector index does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    exact_documents: int = Field(
        default=500,
        ge=0,
        le=20_000,
        description="Up to so many permitted documents, every one of their chunks is compared.",
    )
    exact_chunks: int = Field(
        default=5_000,
        ge=0,
        le=200_000,
        description="The same limit, counted in chunks; the lower of the two holds.",
    )
    exact_vectors: int = Field(
        default=12_000,
        ge=0,
        le=200_000,
        description="Up to so many permitted chunks, however many documents they are of, every "
        "vector is compared; beyond, the approximate index finds the nearest. At least "
        "`exact_chunks` to matter.",
    )
    effort: int = Field(
        default=400,
        ge=10,
        le=1000,
        description="How many neighbours the approximate index considers (hnsw.ef_search).",
    )
    probes: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="How many lists it looks through where its kind is IVFFlat (ivfflat.probes).",
    )
