"""Vectors of questions, kept for a while: the same question often comes again."""

from collections import OrderedDict
from dataclasses import dataclass

from muniment.index.token_states import QuestionStates
from muniment.ports.embedding import Embedder, TokenEmbedder, Vector


@dataclass(slots=True)
class CacheCounts:
    """How often the cache had the vector and how often the model had to run."""

    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class QuestionEmbedding:
    """What the model made of a question."""

    vector: Vector
    states: QuestionStates | None
    """Of its words; None where the model gives none."""


class QueryVectors:
    """Embeds questions in one space; the least recently used vectors give way.

    A vector depends on the question alone, not on who asks, so callers may share it.
    """

    def __init__(self, embedder: Embedder, size: int) -> None:
        self._embedder = embedder
        self._size = size
        self._known: OrderedDict[str, QuestionEmbedding] = OrderedDict()
        self.counts = CacheCounts()

    @property
    def embedder(self) -> Embedder:
        """The model behind the vectors."""
        return self._embedder

    async def of(self, question: str) -> QuestionEmbedding:
        """Give the vector of a question, and the states of its words."""
        known = self._known.get(question)
        if known is not None:
            self._known.move_to_end(question)
            self.counts.hits += 1
            return known
        self.counts.misses += 1
        embedded = await self._embed(question)
        embedded.vector.setflags(write=False)
        self._known[question] = embedded
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return embedded

    async def _embed(self, question: str) -> QuestionEmbedding:
        if not isinstance(self._embedder, TokenEmbedder):
            (vector,) = await self._embedder.embed([question], purpose="query")
            return QuestionEmbedding(vector, None)
        (made,) = [one async for one in self._embedder.embed_tokens([question], purpose="query")]
        return QuestionEmbedding(made.vector, QuestionStates.of(question, made))
