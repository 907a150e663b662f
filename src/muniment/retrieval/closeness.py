"""A second look at the best candidates: word by word, and with what the best have in common.

First the passages at the top are compared with the question word by word (late interaction). Then
the question's vector is moved towards the best of them (Rocchio 1971), every candidate is compared
with it anew, and the top once more word by word. No second search: the candidates stay the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from muniment.index.token_states import QuestionStates
from muniment.ports.embedding import Vector
from muniment.ports.vectors import CloseLook, VectorStore
from muniment.retrieval.fusion import Fusion
from muniment.retrieval.settings import ClosenessSettings


@dataclass(frozen=True, slots=True)
class WeighedWords:
    """The words of a question with how much each of them tells."""

    states: QuestionStates
    weights: Sequence[float]


class CloserLook:
    """Looks again at one question's candidates, in the transaction that found them."""

    def __init__(
        self, store: VectorStore, vector: Vector, words: WeighedWords, settings: ClosenessSettings
    ) -> None:
        self._store = store
        self._vector = vector
        self._words = words
        self._settings = settings
        self._looks: dict[int, CloseLook] = {}
        self._found: dict[int, float | None] = {}
        """What the words of each chunk gave, so that a second look compares no passage again."""

    async def at(self, first: Fusion) -> Fusion:
        """Order candidates anew. What lies below the top stays there, also among the others."""
        if not first.candidates or first.dense is None:
            return first
        closer = await self._by_words(first)
        if not self._settings.feedback_passages:
            return closer
        moved = self._moved(closer)
        chunk_ids = [candidate.chunk_id for candidate in first.candidates]
        return await self._by_words(first.with_dense(await self._store.cosines(moved, chunk_ids)))

    async def _by_words(self, fusion: Fusion) -> Fusion:
        places = fusion.best(self._settings.candidates)
        found = await self._compared([fusion.candidates[place].chunk_id for place in places])
        known = {place: one for place, one in zip(places, found, strict=True) if one is not None}
        if not known:
            return fusion
        fused = fusion.fused.copy()
        fused[places] = _mixed(fused[places], found, self._settings.share)
        return replace(fusion, fused=fused, closely=known)

    def _moved(self, fusion: Fusion) -> Vector:
        """Move the question's vector towards the middle of the best passages."""
        best = fusion.best(self._settings.feedback_passages)
        looks = [self._looks.get(fusion.candidates[place].chunk_id) for place in best]
        vectors = [look.vector for look in looks if look is not None]
        if not vectors:
            return self._vector
        moved = self._vector + self._settings.feedback_share * np.mean(vectors, axis=0)
        return np.asarray(moved / np.linalg.norm(moved), np.float32)

    async def _compared(self, chunk_ids: Sequence[int]) -> list[float | None]:
        """Compare the words of chunks, each once."""
        missing = [chunk_id for chunk_id in chunk_ids if chunk_id not in self._found]
        if missing:
            looks = await self._store.close_looks(missing)
            self._looks.update(looks)
            states = [looks[one].states if one in looks else None for one in missing]
            found = self._words.states.similarities(self._words.weights, states)
            self._found.update(zip(missing, found, strict=True))
        return [self._found[chunk_id] for chunk_id in chunk_ids]


def _mixed(
    fused: NDArray[np.float64], closely: Sequence[float | None], share: float
) -> NDArray[np.float64]:
    """Mix both scores of the top, within the range of the first: it stays above all others.

    A passage whose words have no states keeps its place between the others: nothing speaks for it
    or against it.
    """
    known = np.array([one is not None for one in closely])
    first = _in_unit_range(fused, fused)
    words = np.array([0.0 if one is None else one for one in closely])
    second = np.where(known, _in_unit_range(words, words[known]), first)
    mixed = (1.0 - share) * first + share * second
    return float(fused.min()) + mixed * float(np.ptp(fused))


def _in_unit_range(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(among.min()), float(among.max())
    return np.clip((values - low) / (high - low), 0.0, 1.0) if high > low else np.zeros(len(values))
