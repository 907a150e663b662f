"""Late interaction: a question and a passage compared word by word, on one bit a dimension.

Every telling word of a question looks for the word of the passage that its state is nearest to, and
what they find is added up by how rare the words are (MaxSim, Khattab and Zaharia 2020). A passage
keeps the signs of its words' states alone, 48 bytes a word of MiniLM: against states in half
precision the ranking loses nothing that can be measured. Function words and marks are kept on
neither side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from muniment.index.terms import is_function_word
from muniment.ports.embedding import TokenEmbedding

_BITS = 8
_ALONE = 200_000
"""How many multiplications OpenBLAS does in the calling thread alone (it is up to 262,144). With
more it wakes the others, which burn their cores waiting: ten times the work on a busy machine."""


def packed_states(text: str, embedded: TokenEmbedding, language: str) -> bytes:
    """Keep the signs of the states of a passage's telling words."""
    telling = _telling(text, embedded, language)
    return np.packbits(embedded.states[telling] > 0, axis=1).tobytes()


def _telling(text: str, embedded: TokenEmbedding, language: str) -> list[int]:
    words = (text[start:end].casefold() for start, end in embedded.words)
    return [
        place
        for place, word in enumerate(words)
        if _is_word(word) and not is_function_word(word, language)
    ]


@dataclass(frozen=True, slots=True)
class QuestionStates:
    """The words of a question, one for each token of the embedder's."""

    words: Sequence[str]
    """As they stand in the question, case folded."""
    states: NDArray[np.float16]
    """Unit vectors; half precision, as they are kept in memory for a while."""

    @classmethod
    def of(cls, text: str, embedded: TokenEmbedding) -> "QuestionStates":
        """Take the words of a question, without those that are no words at all."""
        words = [text[start:end].casefold() for start, end in embedded.words]
        kept = [place for place, word in enumerate(words) if _is_word(word)]
        states = embedded.states[kept].astype(np.float16)
        return cls([words[place] for place in kept], states)

    def similarities(
        self, weights: Sequence[float], passages: Sequence[bytes | None]
    ) -> list[float | None]:
        """Compare the question with packed passages; None for one without states.

        Between -1 and 1: the mean over the words, by weight, of the cosine with their nearest word.
        """
        known = [bits for bits in passages if bits]
        # Function words weigh nothing: half of a question needs no comparing.
        telling = [place for place, weight in enumerate(weights) if weight > 0.0]
        if not known or not telling:
            return [None] * len(passages)
        told = np.array([weights[place] for place in telling], np.float32)
        found = iter(self._nearest(telling, known) @ (told / told.sum()))
        return [float(next(found)) if bits else None for bits in passages]

    def _nearest(self, words: Sequence[int], passages: Sequence[bytes]) -> NDArray[np.float32]:
        """Give the cosine of each of these words with the nearest of each passage."""
        dimension = self.states.shape[1]
        states = np.ascontiguousarray(self.states[words].T, np.float32)
        row = -(-dimension // _BITS)
        rows = np.frombuffer(b"".join(passages), np.uint8).reshape(-1, row)
        products = np.empty((len(rows), len(words)), np.float32)
        step = max(_ALONE // states.size, 1)
        for first in range(0, len(rows), step):
            packed = rows[first : first + step]
            bits = np.unpackbits(packed, axis=1, count=dimension).astype(np.float32)
            np.matmul(bits, states, out=products[first : first + step])
        begins = np.cumsum([0, *(len(packed) // row for packed in passages[:-1])])
        nearest = np.maximum.reduceat(products, begins)
        # A sign is 2 x bit - 1, so the product with signs follows from that with bits.
        signed: NDArray[np.float32] = 2 * nearest - states.sum(axis=0)
        return signed / np.float32(np.sqrt(dimension))


def _is_word(word: str) -> bool:
    return any(character.isalnum() for character in word)
