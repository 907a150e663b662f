"""The port to an embedding model: text in, unit vectors out."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from muniment.kit.plugins import PluginGroup

Vector = NDArray[np.float32]
Purpose = Literal["passage", "query"]
"""What a text is embedded for: some models want to know, and a waiting person goes first."""


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """What makes vectors comparable: two vectors may meet only if all of this is equal."""

    name: str
    dimension: int
    revision: str
    metric: str = "inner_product"


class Embedder(Protocol):
    """Turns text into L2-normalised vectors of one embedding space."""

    @property
    def identity(self) -> EmbedderIdentity:
        """Name the space of the vectors."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages that the model knows; empty for all."""
        ...

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text are read; the rest would be cut off."""
        ...

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, special tokens included and without a limit; no model run."""
        ...

    def token_ends(self, text: str) -> Sequence[int]:
        """Give the end offset (code points) of every token of a text, special tokens left out."""
        ...

    async def prepare(self) -> None:
        """Load what the first call would load, so that a fault shows at start and not later."""
        ...

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "passage") -> list[Vector]:
        """Embed texts, each by itself; never blocks the event loop."""
        ...

    async def close(self) -> None:
        """Release threads and memory."""
        ...


@dataclass(frozen=True, slots=True)
class TokenEmbedding:
    """A text as one vector, and as one for each of its tokens, special tokens left out."""

    vector: Vector
    states: NDArray[np.float32]
    """Unit vectors of the tokens in order: tokens x dimension of the space."""
    words: Sequence[tuple[int, int]]
    """For each token, the slice of the text (code points) with the whole word it belongs to."""


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that also gives what its model made of every single token.

    A search compares these word by word where the vectors of whole passages say too little (late
    interaction). They are a by-product of the same run of the model.
    """

    def embed_tokens(
        self, texts: Sequence[str], *, purpose: Purpose = "passage"
    ) -> AsyncIterator[TokenEmbedding]:
        """Embed texts like `embed`, one after the other: the states of many would fill memory."""
        ...


EMBEDDERS: PluginGroup[Embedder] = PluginGroup("muniment.embedders", table="embedders")
