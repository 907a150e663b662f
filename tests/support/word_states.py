"""An embedder without a model that gives states of words too: equal words have equal states."""

import re
from collections.abc import AsyncIterator, Sequence
from hashlib import shake_256

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.ports.embedding import Purpose, TokenEmbedder, TokenEmbedding

_WORD = re.compile(r"\w+|[^\w\s]")


class WordStatesEmbedder(HashingEmbedder, TokenEmbedder):
    """Gives every word a state of random signs, drawn from the word itself."""

    def __init__(self, dimension: int = 64) -> None:
        super().__init__(HashingSettings(dimension=dimension))
        self.runs = 0

    @override
    async def embed_tokens(
        self, texts: Sequence[str], *, purpose: Purpose = "passage"
    ) -> AsyncIterator[TokenEmbedding]:
        """Embed texts as `embed` does."""
        for vector, text in zip(await self.embed(texts, purpose=purpose), texts, strict=True):
            self.runs += 1
            words = [match.span() for match in _WORD.finditer(text)]
            states = [self._state(text[start:end]) for start, end in words]
            rows = np.array(states, np.float32).reshape(-1, self.identity.dimension)
            yield TokenEmbedding(vector, rows, words)

    def _state(self, word: str) -> NDArray[np.float32]:
        dimension = self.identity.dimension
        digest = shake_256(word.casefold().encode()).digest(dimension)
        signs = (np.frombuffer(digest, np.uint8) % 2).astype(np.float32) * 2 - 1
        return np.asarray(signs / np.sqrt(np.float32(dimension)), np.float32)
