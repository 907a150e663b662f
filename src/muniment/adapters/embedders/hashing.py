"""An embedder without a model: words hashed into a vector (the hashing trick, Weinberger 2009).

Texts that share words are close, and the same text gives the same vector on every machine. For
tests and for trying things out; it knows nothing of meaning.
"""

import asyncio
import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from muniment.kit.plugins import PluginFactory
from muniment.ports.embedding import Embedder, EmbedderIdentity, Purpose, Vector

_WORD = re.compile(r"\w+|[^\w\s]")
_MAX_TOKENS = 256
_SPECIAL_TOKENS = 2
_REVISION = "1"


class HashingSettings(BaseModel):
    """Settings of the hashing embedder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=384, ge=8, le=4000, description="Length of the vectors.")


class HashingEmbedder(Embedder):
    """Embeds a text as the signed counts of its hashed words."""

    def __init__(self, settings: HashingSettings) -> None:
        self._identity = EmbedderIdentity("hashing", settings.dimension, _REVISION)

    @property
    @override
    def identity(self) -> EmbedderIdentity:
        """Name the space of the vectors."""
        return self._identity

    @property
    @override
    def languages(self) -> frozenset[str]:
        """Give no language: words of all are hashed alike."""
        return frozenset()

    @property
    @override
    def max_tokens(self) -> int:
        """How many tokens of a text are read."""
        return _MAX_TOKENS

    @override
    def count_tokens(self, text: str) -> int:
        """Count words and punctuation marks, and two for the special tokens of real models."""
        return len(_WORD.findall(text)) + _SPECIAL_TOKENS

    @override
    def token_ends(self, text: str) -> Sequence[int]:
        """Give the end offset of every word and punctuation mark."""
        return [match.end() for match in _WORD.finditer(text)]

    @override
    async def prepare(self) -> None:
        """There is nothing to load."""

    @override
    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "passage") -> list[Vector]:
        """Embed texts in a thread of the default pool."""
        return await asyncio.to_thread(lambda: [self._embed_one(text) for text in texts])

    @override
    async def close(self) -> None:
        """There is nothing to release."""

    def _embed_one(self, text: str) -> Vector:
        counts = np.zeros(self._identity.dimension, dtype=np.float32)
        for word in _WORD.findall(text)[: _MAX_TOKENS - _SPECIAL_TOKENS]:
            place = int.from_bytes(blake2b(word.lower().encode(), digest_size=8).digest())
            counts[(place >> 1) % len(counts)] += 1.0 if place & 1 else -1.0
        length = float(np.linalg.norm(counts))
        if length == 0.0:
            counts[0] = length = 1.0
        return counts / np.float32(length)


def create(settings: HashingSettings) -> Embedder:
    """Make the hashing embedder."""
    return HashingEmbedder(settings)


PLUGIN = PluginFactory(settings_model=HashingSettings, create=create)
