"""Settings of the search."""

from pydantic import BaseModel, ConfigDict, Field

from muniment.index.search_settings import ArmSettings


class ClosenessSettings(BaseModel):
    """How far the closer look goes; the defaults are measured (docs/decisions/0014)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True, description="Whether hybrid searches look closely unless they say otherwise."
    )
    candidates: int = Field(
        default=30, ge=2, le=200, description="How many of the best are compared word by word."
    )
    share: float = Field(
        default=0.3,
        ge=0.0,
        le=1.0,
        description="Weight of the words' states among them; the rest is that of both arms.",
    )
    feedback_passages: int = Field(
        default=3,
        ge=0,
        le=20,
        description="How many of the best move the question's vector; 0 for none.",
    )
    feedback_share: float = Field(
        default=0.8, ge=0.0, le=2.0, description="How far they move it, against its own length."
    )


class SearchSettings(BaseModel):
    """How questions are searched and both arms weighed; the defaults are measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: int = Field(
        default=100,
        ge=20,
        le=1000,
        description="How many of its best passages each arm hands over to be ranked.",
    )
    lexical_share: float = Field(
        default=0.4,
        ge=0.0,
        le=1.0,
        description="Weight of the words in a hybrid search; the rest is that of the meaning.",
    )
    foreign_lexical_share: float = Field(
        default=0.8,
        ge=0.0,
        le=1.0,
        description="The same where the embedder does not know the language of the question.",
    )
    language: str = Field(
        default="en",
        pattern="^[a-z]{2}$",
        description="Language of questions that are too short to tell (ISO 639-1).",
    )
    query_cache: int = Field(
        default=1024,
        ge=0,
        le=100_000,
        description="How many vectors of recent questions are kept in memory (about 10 kB each).",
    )
    arms: ArmSettings = ArmSettings()
    closely: ClosenessSettings = ClosenessSettings()
