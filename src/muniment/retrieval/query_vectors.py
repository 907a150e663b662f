"""Vectors of questions, kept for a while: the same question often comes again."""

from collections import OrderedDict
from dataclasses import dataclass

from muniment.ports.embedding import Embedder, Vector


@dataclass(slots=True)
class CacheCounts:
    """How often the cache had the vector and how often the model had to run."""

    hits: int = 0
    misses: int = 0


class QueryVectors:
    """Embeds questions in one space; the least recently used vectors give way.

    A vector depends on the question alone, not on who asks, so callers may share it.
    """

    def __init__(self, embedder: Embedder, size: int) -> None:
        self._embedder = embedder
        self._size = size
        self._vectors: OrderedDict[str, Vector] = OrderedDict()
        self.counts = CacheCounts()

    @property
    def embedder(self) -> Embedder:
        """The model behind the vectors."""
        return self._embedder

    async def of(self, question: str) -> Vector:
        """Give the vector of a question."""
        known = self._vectors.get(question)
        if known is not None:
            self._vectors.move_to_end(question)
            self.counts.hits += 1
            return known
        self.counts.misses += 1
        vector = (await self._embedder.embed([question], purpose="query"))[0]
        vector.setflags(write=False)
        self._vectors[question] = vector
        while len(self._vectors) > self._size:
            self._vectors.popitem(last=False)
        return vector
