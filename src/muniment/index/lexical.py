"""BM25F with the title as a second field, split between the two sides of an inner product.

Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple weighted fields" (CIKM 2004).
The chunk's side holds only what depends on the chunk (saturated term frequencies), so nothing is
ever indexed again because the corpus has changed; the query's side holds idf times the frequency
of the word in the query. The inner product of both is the BM25F score.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muniment.index.terms import TermAnalyzer, is_function_word, term_id

TITLE_WEIGHT = 2.0
TITLE_B = 0.5
TEXT_B = 0.75
K1 = 1.2

AVERAGE_TITLE_TERMS = 4.0
AVERAGE_TEXT_TERMS = 85.0
"""Frozen: what our chunker makes of prose, function words left out. A true average would be a hot
row and would need every chunk to be indexed again; .7 to 1.4 times it costs less than .013 nDCG."""


PRIOR_CHUNKS = 100
"""How many chunks it takes before frequencies mean something."""


@dataclass(frozen=True, slots=True)
class SparseTerms:
    """A sparse vector: term ids in rising order, each with its weight."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]

    def dot(self, other: "SparseTerms") -> float:
        """Give the inner product: the BM25F score of a query and a chunk."""
        mine = dict(zip(self.ids, self.weights, strict=True))
        return math.fsum(
            mine.get(term, 0.0) * weight
            for term, weight in zip(other.ids, other.weights, strict=True)
        )


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """The terms of a query by id, each with its frequency in the query."""

    frequencies: Mapping[int, float]

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids whose document frequencies are needed to weigh the query."""
        return tuple(sorted(self.frequencies))


class LexicalModel:
    """Makes the two sides of the lexical arm. Pure: the same text gives the same weights."""

    def __init__(self, analyzer: TermAnalyzer) -> None:
        self._analyzer = analyzer

    def document_weights(self, title: str, text: str, language: str, salt: bytes) -> SparseTerms:
        """Weigh the terms of a chunk.

        Function words are kept, so that a query of nothing else still finds something, but a
        text is not counted longer for them.
        """
        title_counts, title_length = self._count(title, language)
        text_counts, text_length = self._count(text, language)
        title_norm = TITLE_WEIGHT / _length_norm(title_length / AVERAGE_TITLE_TERMS, TITLE_B)
        text_norm = 1.0 / _length_norm(text_length / AVERAGE_TEXT_TERMS, TEXT_B)
        frequencies: dict[int, float] = {}
        for term in title_counts.keys() | text_counts.keys():
            frequency = title_norm * title_counts[term] + text_norm * text_counts[term]
            place = term_id(term, salt)
            frequencies[place] = frequencies.get(place, 0.0) + frequency
        return _sparse({place: _saturate(value) for place, value in frequencies.items()})

    def query_terms(
        self, text: str, language: str, salt: bytes, *, also: Sequence[str] = ()
    ) -> QueryTerms:
        """Find the terms of a query.

        `also` names further languages of the documents: every word is looked up under its stems
        in these too. Function words are left out unless there is nothing else.
        """
        frequencies: Counter[int] = Counter()
        words = list(self._analyzer.words(text, language))
        telling = [word for word in words if not is_function_word(word, language)] or words
        for word in telling:
            terms = {self._analyzer.term(word, code) for code in (language, *also)}
            frequencies.update(term_id(term, salt) for term in terms)
        return QueryTerms(dict(frequencies))

    def word_terms(
        self, word: str, language: str, salt: bytes, *, also: Sequence[str] = ()
    ) -> frozenset[int]:
        """Find the terms of one word of a query; none of a function word."""
        if is_function_word(word, language):
            return frozenset()
        codes = (language, *also)
        return frozenset(
            term_id(self._analyzer.term(part, code), salt)
            for part in self._analyzer.words(word, language)
            for code in codes
        )

    def _count(self, text: str, language: str) -> tuple[Counter[str], int]:
        """Count the terms of a field, and how long it is without its function words."""
        words = Counter(self._analyzer.words(text, language))
        terms: Counter[str] = Counter()
        for word, count in words.items():
            terms[self._analyzer.term(word, language)] += count
        telling = (word for word in words if not is_function_word(word, language))
        return terms, sum(words[word] for word in telling)


def query_weights(terms: QueryTerms, df: Mapping[int, int], chunks: int) -> SparseTerms:
    """Weigh the terms of a query by frequency and idf.

    The counts are of chunks that whoever asks may read (index/word_counts.py), and of no others:
    what they add to a score tells nothing about hidden documents.
    """
    return _sparse(
        {
            term: frequency * idf(df.get(term, 0), chunks)
            for term, frequency in terms.frequencies.items()
        }
    )


def _length_norm(relative_length: float, b: float) -> float:
    return 1.0 - b + b * relative_length


def _saturate(frequency: float) -> float:
    return frequency * (K1 + 1.0) / (K1 + frequency)


def idf(df: int, chunks: int) -> float:
    """Weigh a term by its rarity; never negative, also while the counts are being changed.

    As if there were some more chunks, one of them with the term: in a handful of chunks it means
    little that a word stands in most of them, and nothing that it stands in none.
    """
    others = max(chunks - df, 0) + PRIOR_CHUNKS - 1
    return math.log1p((others + 0.5) / (df + 1.5))


def _sparse(weights: Mapping[int, float]) -> SparseTerms:
    ordered = sorted((term, weight) for term, weight in weights.items() if weight > 0.0)
    return SparseTerms(tuple(term for term, _ in ordered), tuple(weight for _, weight in ordered))
