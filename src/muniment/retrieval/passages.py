"""What a search finds, before it is written down for a caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from muniment.index.lexical import SparseTerms
from muniment.ports.embedding import Vector
from muniment.ports.vectors import Mode, Reach
from muniment.retrieval.fusion import RankedChunk


@dataclass(frozen=True, slots=True)
class PassageText:
    """A chunk as it stands in its document, read behind row-level security."""

    chunk_id: int
    document_id: UUID
    document_name: str
    uri: str | None
    version: int
    page: int | None
    start: int
    end: int
    text: str
    headings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found, and how it came to its rank."""

    place: PassageText
    ranked: RankedChunk


@dataclass(frozen=True, slots=True)
class Understanding:
    """What was made of the words of a question."""

    language: str
    terms: SparseTerms
    """Salted term ids with their weights in this question."""
    lexical_share: float
    is_embedded: bool
    """Whether the embedder knows the language, so that nearness of vectors means something."""
    words: Sequence[float] = ()
    """How much each word tells whose state is compared."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best candidates of a question in order, still without their text."""

    chunks: Sequence[RankedChunk]
    candidates: int
    """How many there were."""
    mode: Mode
    reach: Reach
    vector: Vector | None
    understanding: Understanding
    exhaustive: bool


@dataclass(frozen=True, slots=True)
class Withheld:
    """How much the walls kept from a caller, in the collections that were asked for."""

    documents: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Found:
    """The best passages of a question."""

    passages: Sequence[Passage]
    ranking: Ranking
    timings_ms: Mapping[str, float]
    withheld: Withheld | None = None
    """Only for callers who may know (`audit:read`), and only when an explanation is asked for."""
