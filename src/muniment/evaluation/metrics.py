"""How good a ranking is, for one question. Gains count linearly, as in trec_eval."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from muniment.index.terms import UNSPACED

_WORD = re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])\w)+")


def ndcg(ranked: Sequence[str], gains: Mapping[str, float], depth: int) -> float:
    """Give the discounted gain as a share of the best possible (Järvelin and Kekäläinen, 2002)."""
    best = _discounted(sorted(gains.values(), reverse=True)[:depth])
    return _discounted([gains.get(each, 0.0) for each in ranked[:depth]]) / best if best else 0.0


def recall(ranked: Sequence[str], gains: Mapping[str, float], depth: int) -> float:
    """Give the share of the relevant documents that are among the first."""
    return len(gains.keys() & set(ranked[:depth])) / len(gains) if gains else 0.0


def reciprocal_rank(ranked: Sequence[str], gains: Mapping[str, float], depth: int) -> float:
    """Give one divided by the rank of the first relevant document."""
    return next((1.0 / rank for rank, each in enumerate(ranked[:depth], 1) if each in gains), 0.0)


def holds_answer(quotes: Iterable[str], answers: Iterable[str]) -> bool:
    """Tell whether one of the answers stands in one of the quotes, but for case and marks.

    Whole words count: 28 days are not 8 days. In scripts without spaces a character is a word.
    """
    texts = [_normalised(quote) for quote in quotes]
    wanted = [answer for answer in map(_normalised, answers) if answer]
    return any(f" {answer} " in f" {text} " for answer in wanted for text in texts)


def _discounted(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _normalised(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
