"""The port to a store of chunk vectors: what may be seen goes in, scored chunk ids come out.

A store decides who may see a chunk by the same predicate tree as everything else
(`ports.access`), never by a filter after the search: a list cut down afterwards is short, and its
length tells what was taken away. Text never passes through here; it is read behind row-level
security, which asks once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

from pydantic import JsonValue

from muniment.ports.access import AccessFilter
from muniment.ports.embedding import Vector

Mode: TypeAlias = Literal["hybrid", "lexical", "dense"]
"""Which arms of the search run: words and meaning, words alone, meaning alone."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do, so that nobody has to ask by trying."""

    modes: frozenset[Mode]
    live_walls: bool
    """Whether it reads the walls of a document at the moment of the search. A store that keeps
    copies of them has to be told of every change, and its results are checked once more."""
    close_looks: bool = False
    """Whether it gives what the best candidates are compared by once more."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a search may touch: the caller's resolved access, and what the caller asked for."""

    tenant_id: int
    access: AccessFilter
    collections: frozenset[UUID] | None = None
    """Only documents of these collections; None for all."""
    metadata: Mapping[str, JsonValue] | None = None
    """Only documents whose metadata pass this filter, in the form that callers send; checked."""


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """A question in the form that a store understands."""

    mode: Mode
    depth: int
    """How many of the best chunks each arm contributes."""
    vector: Vector | None = None
    """Unit vector; not needed for words alone."""
    terms: Mapping[int, float] | None = None
    """Weights of the salted term ids; not needed for meaning alone."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that one of the arms found, with its true score in every arm of the mode."""

    chunk_id: int
    document_id: UUID
    dense: float | None = None
    """Cosine; None where the chunk has no vector in this space."""
    lexical: float | None = None
    """BM25F; zero where no word of the question stands in the chunk."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the arms found, in no particular order."""

    items: Sequence[Candidate]
    exhaustive: bool
    """Whether every permitted chunk was compared, instead of those an approximate index gave."""


@dataclass(frozen=True, slots=True)
class CloseLook:
    """What a store keeps of a chunk for comparing it closely."""

    vector: Vector
    states: bytes | None = None
    """The packed states of its words; None where none were kept."""


class VectorStore(Protocol):
    """Finds the chunks nearest to a question among those that the caller may see."""

    @property
    def capabilities(self) -> Capabilities:
        """Say what this store can do."""
        ...

    async def candidates(self, query: CandidateQuery, reach: Reach) -> Candidates:
        """Give the union of each arm's best chunks."""
        ...

    async def close_looks(self, chunk_ids: Sequence[int]) -> Mapping[int, CloseLook]:
        """Look at candidates of the same search closely; one without a vector is left out."""
        ...

    async def cosines(self, vector: Vector, chunk_ids: Sequence[int]) -> Mapping[int, float]:
        """Compare candidates of the same search with another vector."""
        ...
