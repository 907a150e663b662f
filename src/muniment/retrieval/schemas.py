"""Bodies of `/search`."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from muniment.library.metadata_filter import MetadataFilter
from muniment.retrieval.fusion import Standing
from muniment.retrieval.passages import Found, Passage

Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4096)]
CollectionIds = Annotated[list[UUID], Field(min_length=1, max_length=200)]
TopK = Annotated[int, Field(ge=1, le=100)]
SearchMode = Literal["hybrid", "lexical", "dense"]


class SearchRequest(BaseModel):
    """What to search for, and where."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"query": "days of annual leave", "top_k": 5}]},
    )

    query: Question = Field(description="Words or a question in plain language.")
    collections: CollectionIds | None = Field(
        default=None, description="Only these collections; absent for all that one may read."
    )
    filter: MetadataFilter | None = Field(
        default=None,
        description="Only documents with such metadata, in the shape of OpenAI's filters.",
        examples=[{"type": "eq", "key": "year", "value": 2026}],
    )
    top_k: TopK = Field(default=10, description="How many passages to give at most.")
    mode: SearchMode = Field(
        default="hybrid",
        description="`lexical` looks for the words, `dense` for the meaning, `hybrid` for both.",
    )
    rerank: bool | None = Field(
        default=None,
        description="Whether to compare the best passages with the question once more, word by"
        " word: takes effect in `hybrid` mode, where the embedding model gives the states of words;"
        " absent for what the settings say.",
    )
    explain: bool = Field(default=False, description="Say how each passage came to its rank.")


class ArmRead(BaseModel):
    """How a passage stands in one arm."""

    rank: int = Field(description="Place among all candidates, counted from one.")
    score: float = Field(description="Score in the arm's own measure: BM25F or cosine.")
    z: float = Field(description="Standard deviations above the mean of the candidates.")

    @classmethod
    def of(cls, standing: Standing | None) -> "ArmRead | None":
        """Write down a standing."""
        if standing is None:
            return None
        return cls(rank=standing.rank, score=round(standing.score, 4), z=round(standing.z, 4))


class PassageExplanation(BaseModel):
    """How a passage came to its rank."""

    lexical: ArmRead | None = Field(description="In the words; null where that arm did not run.")
    dense: ArmRead | None = Field(description="In the meaning; null where that arm did not run.")
    closely: float | None = Field(
        description="Mean cosine of the question's words with the nearest words of the passage, by"
        " weight; null where it was not among those looked at closely."
    )
    fused: float = Field(
        description="What passages are ordered by: the z of both arms, added up by weight, and for"
        " those looked at closely mixed with that."
    )


class PassageRead(BaseModel):
    """A passage: a slice of a document's canonical text."""

    document_id: UUID = Field(description="The document.")
    document_name: str = Field(description="Its name.")
    version: int = Field(description="The version that the offsets belong to.")
    page: int | None = Field(description="Page on which the passage starts, where there are pages.")
    start: int = Field(description="First code point of the passage in the canonical text.")
    end: int = Field(description="The code point after its last.")
    text: str = Field(description="Exactly `text[start:end]`.")
    score: float = Field(
        description="Between 0 and 1, for ordering; .5 is the average candidate of this question."
    )
    headings: list[str] = Field(description="Headings above the passage, outermost first.")
    uri: str | None = Field(description="Where the document came from.")
    explain: PassageExplanation | None = Field(
        default=None, description="Present when it was asked for."
    )

    @classmethod
    def of(cls, passage: Passage, *, explain: bool) -> "PassageRead":
        """Write down a passage."""
        place, ranked = passage.place, passage.ranked
        return cls(
            document_id=place.document_id,
            document_name=place.document_name,
            version=place.version,
            page=place.page,
            start=place.start,
            end=place.end,
            text=place.text,
            score=round(ranked.score, 4),
            headings=list(place.headings),
            uri=place.uri,
            explain=PassageExplanation(
                lexical=ArmRead.of(ranked.lexical),
                dense=ArmRead.of(ranked.dense),
                closely=None if ranked.closely is None else round(ranked.closely, 4),
                fused=round(ranked.fused, 4),
            )
            if explain
            else None,
        )


class WithheldRead(BaseModel):
    """How much access rules kept from the caller."""

    model_config = ConfigDict(from_attributes=True)

    documents: int = Field(description="Documents that can be found, but not by the caller.")
    chunks: int = Field(description="Passages in them.")


class SearchExplanation(BaseModel):
    """What was made of the question as a whole."""

    language: str = Field(description="Language that the words were looked up in (ISO 639-1).")
    lexical_share: float = Field(description="Weight of the words; the rest is the meaning's.")
    candidates: int = Field(description="How many passages were ranked.")
    exhaustive: bool = Field(
        description="Whether every readable passage was compared, or an index chose some."
    )
    withheld: WithheldRead | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="What access rules keep from the caller in the collections that were asked for"
        " (without any, in the tenant), whatever the question and the filter. Only for callers with"
        " `audit:read`; absent for all others.",
    )


class SearchResponse(BaseModel):
    """The passages that fit best, best first."""

    results: list[PassageRead] = Field(description="Passages, best first.")
    mode: SearchMode = Field(description="The arms that ran.")
    timings_ms: dict[str, float] = Field(description="How long each step took, in milliseconds.")
    explain: SearchExplanation | None = Field(
        default=None, description="Present when it was asked for."
    )

    @classmethod
    def of(cls, found: Found, *, explain: bool) -> "SearchResponse":
        """Write down what was found."""
        ranking = found.ranking
        return cls(
            results=[PassageRead.of(passage, explain=explain) for passage in found.passages],
            mode=ranking.mode,
            timings_ms=dict(found.timings_ms),
            explain=SearchExplanation(
                language=ranking.understanding.language,
                lexical_share=ranking.understanding.lexical_share,
                candidates=ranking.candidates,
                exhaustive=ranking.exhaustive,
                withheld=None
                if found.withheld is None
                else WithheldRead.model_validate(found.withheld),
            )
            if explain
            else None,
        )
