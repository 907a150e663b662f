"""Words of a text as index terms: cut, folded, stemmed, hashed.

Scripts without spaces are cut into overlapping pairs of characters, the classic way to search
Chinese and Japanese without a dictionary.
"""

import re
import unicodedata
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise
from threading import Lock

import snowballstemmer

from muniment.index.stopwords import NO_WORDS, STOP_CHARACTERS, STOP_PAIRS, STOP_WORDS

MAX_TERM_ID = 1_000_000_000
"""The most dimensions that a sparsevec of pgvector can have."""

ALGORITHMS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german",
    "el": "greek", "en": "english", "es": "spanish", "et": "estonian", "eu": "basque",
    "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil",
    "tr": "turkish",
}  # fmt: skip
"""The Snowball stemmer of each ISO 639-1 code; words of other languages are taken as they are."""

_ELIDING = frozenset({"fr", "it", "ca"})
_UNACCENTED = frozenset({"en"})
_MAX_WORD = 64
_CACHED_STEMS = 50_000

# Python's \w knows no combining marks, without which words of many scripts fall apart.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff\u1000-\u109f\u200c\u200d"
)
UNSPACED = (
    "\u0e00-\u0eff\u1780-\u17d3\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
)
"""The characters of scripts without spaces, as a range of a regular expression."""
_WORD = re.compile(
    rf"(?P<unspaced>[{UNSPACED}]+)"
    rf"|\d+(?:[.,]\d+)+"
    rf"|(?:(?![{UNSPACED}])(?:[^\W_]|[{_MARKS}]))+"
    rf"(?:'(?:(?![{UNSPACED}])(?:[^\W_]|[{_MARKS}]))+)*"
)
_DIGIT = re.compile(r"\d")
_ACCENTS = re.compile("[\u0300-\u036f]")


class TermAnalyzer:
    """Turns text into terms. Keeps stemmers and known stems, and may be shared between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stemmers: dict[str, snowballstemmer.basestemmer.BaseStemmer] = {}
        self._stems: dict[tuple[str, str], str] = {}

    def words(self, text: str, language: str) -> Iterator[str]:
        """Cut a text into folded words, or pairs of characters in scripts without spaces."""
        folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
        for match in _WORD.finditer(folded):
            word = match.group()
            if match.lastgroup == "unspaced":
                yield from _pairs(word)
            elif language in _ELIDING and "'" in word:
                yield from word.split("'")
            else:
                yield word[:_MAX_WORD]

    def term(self, word: str, language: str) -> str:
        """Give the term under which a folded word is found: its stem, without accents."""
        key = (language, word)
        term = self._stems.get(key)
        if term is None:
            bare = _without_accents(word) if language in _UNACCENTED else word
            term = _without_accents(self._stem(bare, language))
            if len(self._stems) >= _CACHED_STEMS:
                self._stems.clear()
            self._stems[key] = term
        return term

    def _stem(self, word: str, language: str) -> str:
        algorithm = ALGORITHMS.get(language)
        if algorithm is None or _DIGIT.search(word):
            return word
        # A stemmer keeps the word it works on in itself.
        with self._lock:
            if algorithm not in self._stemmers:
                self._stemmers[algorithm] = snowballstemmer.stemmer(algorithm)
            return str(self._stemmers[algorithm].stemWord(word))


def is_function_word(word: str, language: str) -> bool:
    """Tell whether a folded word, or a pair of characters, says nothing of what a text is about."""
    if word in STOP_WORDS.get(language, NO_WORDS) or word in STOP_PAIRS.get(language, NO_WORDS):
        return True
    characters = STOP_CHARACTERS.get(language)
    return characters is not None and not characters.isdisjoint(word)


def tenant_salt(tenant_id: int) -> bytes:
    """Give the salt of a tenant's term ids; no secret, for it follows from the tenant's number."""
    return b"muniment tenant %d" % tenant_id


def term_id(term: str, salt: bytes) -> int:
    """Hash a term into 1..MAX_TERM_ID, differently for every tenant.

    The salt keeps tenants apart: an id that one tenant has learnt is some other word for the next,
    and counts of two tenants never add up. It hides nothing from who reads the tables of the index:
    anybody can hash a list of words with it. Those tables are reached through documents and
    collections that the caller may see (`app/walls.sql`); a secret would stand where the same role
    reads it. Two terms of one tenant rarely share an id (about 4 pairs in 90,000 terms).
    """
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8, key=salt[:64]).digest()
    return int.from_bytes(digest) % MAX_TERM_ID + 1


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for first, second in pairwise(run):
        yield first + second


def _without_accents(term: str) -> str:
    """Drop accents, which people leave out of queries; after stemming, where stemmers need them."""
    if term.isascii():
        return term
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", term))
    return unicodedata.normalize("NFC", bare) or term
