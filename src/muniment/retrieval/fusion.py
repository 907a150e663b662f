"""One ranking out of two arms: completed z-scores, added up by weight.

Both true scores of every candidate are known, whichever arm found it, so that nothing has to be
guessed for the other. On six collections this was as good as or better than ranks (reciprocal rank
fusion lost .03 to .04 nDCG on questions) and min-max over the separate lists.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from muniment.ports.vectors import Candidate

_NOISE = 1e-9
"""Scores that lie closer together than this are equal: arithmetic alone makes such differences."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a chunk stands in one arm."""

    score: float
    rank: int
    """Counted from one among all candidates."""
    z: float
    """How many standard deviations above the mean of the candidates."""


@dataclass(frozen=True, slots=True)
class RankedChunk:
    """A candidate with its place in both arms and in the whole."""

    chunk_id: int
    document_id: UUID
    fused: float
    lexical: Standing | None
    dense: Standing | None

    @property
    def score(self) -> float:
        """Give the fused score between 0 and 1; .5 is the average candidate of this question.

        It orders the passages of one answer and says how far they stand out. Between questions it
        means little.
        """
        return 1.0 / (1.0 + math.exp(-self.fused))


def fuse(candidates: Sequence[Candidate], lexical_share: float) -> list[RankedChunk]:
    """Rank candidates, best first; equal ones in the order of their ids."""
    # In the order of their ids, so that ranks of equal scores do not hang on who came first.
    candidates = sorted(candidates, key=lambda candidate: candidate.chunk_id)
    lexical = _standings([candidate.lexical for candidate in candidates])
    dense = _standings([candidate.dense for candidate in candidates])
    ranked = [
        RankedChunk(
            candidate.chunk_id,
            candidate.document_id,
            _fused(in_words, in_meaning, lexical_share),
            in_words,
            in_meaning,
        )
        for candidate, in_words, in_meaning in zip(candidates, lexical, dense, strict=True)
    ]
    return sorted(ranked, key=lambda chunk: -chunk.fused)


def _fused(lexical: Standing | None, dense: Standing | None, lexical_share: float) -> float:
    if lexical is None or dense is None:
        only = lexical or dense
        return 0.0 if only is None else only.z
    return lexical_share * lexical.z + (1.0 - lexical_share) * dense.z


def _standings(scores: Sequence[float | None]) -> Sequence[Standing | None]:
    """Place every candidate in an arm; nobody stands anywhere in an arm that did not run."""
    known = [score for score in scores if score is not None]
    if not known:
        return [None] * len(scores)
    # A chunk without a vector in this space is as far away as the farthest that has one.
    lowest = min(known)
    filled = np.array([lowest if score is None else score for score in scores])
    ranks = np.empty(len(filled), dtype=np.intp)
    ranks[np.argsort(-filled, kind="stable")] = np.arange(1, len(filled) + 1)
    # The mean of equal scores is often not quite their value, which would pass for a deviation.
    are_equal = np.ptp(filled) < _NOISE
    z = np.zeros(len(filled)) if are_equal else (filled - filled.mean()) / filled.std()
    return [
        Standing(*place) for place in zip(filled.tolist(), ranks.tolist(), z.tolist(), strict=True)
    ]
