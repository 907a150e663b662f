"""Settings of the answers."""

from pydantic import BaseModel, ConfigDict, Field


class AnswerSettings(BaseModel):
    """How answers are put together from sentences of the documents; the defaults are measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages: int = Field(
        default=5, ge=1, le=20, description="How many of the best passages are read for sentences."
    )
    sentences: int = Field(
        default=3, ge=1, le=10, description="How many sentences an answer has at most."
    )
    passage_share: float = Field(
        default=0.15,
        ge=0.0,
        le=5.0,
        description="Weight of a passage's own rank beside the fit of the sentence.",
    )
    min_share: float = Field(
        default=0.35,
        ge=0.0,
        le=1.0,
        description="The least fit of a further sentence, as a share of the best one's: what is "
        "much weaker only fills the answer up.",
    )
    abstain_below: float = Field(
        default=0.15,
        ge=0.0,
        le=1.0,
        description="How likely it has to be that the quotes answer the question; below it the "
        "documents do not say. Higher: fewer answers, and fewer of them beside the point "
        "(docs/guides/quality.md).",
    )
