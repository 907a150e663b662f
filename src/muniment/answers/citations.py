"""An answer and what it rests on, before it is written down for a caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

AnswerMode = Literal["extractive", "generated", "none"]
CitationStatus = Literal["verified", "weak", "unsupported"]


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """A place in a version's canonical text, in code points."""

    document_id: UUID
    version: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SourceQuote:
    """What really stands at a place, read again behind the walls."""

    text: str
    page: int | None


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that was compared with its source, and where it stands."""

    marker: int
    span: SourceSpan
    document_name: str
    uri: str | None
    page: int | None
    quote: str
    status: CitationStatus
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its citations; none of either when the documents do not say."""

    text: str
    mode: AnswerMode
    citations: Sequence[Citation]
    timings_ms: Mapping[str, float]
