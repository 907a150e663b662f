"""Bodies of `/answers`."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from muniment.answers.citations import Answer, AnswerMode, Citation, CitationStatus
from muniment.library.metadata_filter import MetadataFilter
from muniment.retrieval.schemas import CollectionIds, Question


class AnswerRequest(BaseModel):
    """A question, and where to look for the answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"question": "How many days of leave do I have?"}]},
    )

    question: Question = Field(description="A question in plain language.")
    collections: CollectionIds | None = Field(
        default=None, description="Only these collections; absent for all that one may read."
    )
    filter: MetadataFilter | None = Field(
        default=None,
        description="Only documents with such metadata, in the shape of OpenAI's filters.",
    )
    top_k: int | None = Field(
        default=None, ge=1, le=20, description="How many passages to read; absent for the default."
    )


class CitationRead(BaseModel):
    """Where a part of the answer stands: `quote` is exactly `text[start:end]` of the version."""

    marker: int = Field(description="The number in brackets in the answer.")
    document_id: UUID = Field(description="The document.")
    document_name: str = Field(description="Its name.")
    uri: str | None = Field(description="Where the document came from.")
    version: int = Field(description="The version that the offsets belong to.")
    page: int | None = Field(description="Page on which the quote starts, where there are pages.")
    start: int = Field(description="First code point of the quote in the canonical text.")
    end: int = Field(description="The code point after its last.")
    quote: str = Field(description="Exactly `text[start:end]`.")
    status: CitationStatus = Field(description="`verified`: compared with its source, and equal.")
    score: float = Field(description="Between 0 and 1: how well the quote fits the question.")

    @classmethod
    def of(cls, citation: Citation) -> "CitationRead":
        """Write down a citation."""
        return cls(
            marker=citation.marker,
            document_id=citation.span.document_id,
            document_name=citation.document_name,
            uri=citation.uri,
            version=citation.span.version,
            page=citation.page,
            start=citation.span.start,
            end=citation.span.end,
            quote=citation.quote,
            status=citation.status,
            score=citation.score,
        )


class Usage(BaseModel):
    """Tokens of a language model; empty where none was asked."""


class AnswerRead(BaseModel):
    """An answer from the documents that the caller may read."""

    answer: str = Field(description="The answer, with a marker such as [1] for each citation.")
    mode: AnswerMode = Field(
        description="`extractive`: sentences of the documents; `none`: the documents do not say."
    )
    citations: list[CitationRead] = Field(description="What the answer rests on.")
    model: str | None = Field(description="The language model; null where none was asked.")
    usage: Usage = Field(description="Tokens used; empty without a language model.")
    timings_ms: dict[str, float] = Field(description="How long each step took, in milliseconds.")

    @classmethod
    def of(cls, answer: Answer) -> "AnswerRead":
        """Write down an answer."""
        return cls(
            answer=answer.text,
            mode=answer.mode,
            citations=[CitationRead.of(citation) for citation in answer.citations],
            model=None,
            usage=Usage(),
            timings_ms=dict(answer.timings_ms),
        )
