"""In which language a document or a query is written, as an ISO 639-1 code.

Documents are long enough for a statistical model (py3langid, naive Bayes over byte n-grams).
Queries are not: "mill" is Finnish to it. There the script and the function words decide, the
model only when it is sure of a longer text, and otherwise the language of the collection stands.
"""

import re
from collections import Counter
from threading import Lock

import numpy as np
from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier
from py3langid.modelio import load_model

from muniment.index.stopwords import STOP_WORDS

_CODES = (
    "ar bg bn ca cs da de el en es et eu fa fi fr ga gu he hi hr hu hy id it ja ka km kn ko lo lt "
    "lv ml mr my ne nl no pa pl pt ro ru si sk sl sr sv ta te th tr uk ur vi zh"
)
LANGUAGES = frozenset(_CODES.split())
"""What can be told apart; rarer languages would mostly be mistakes for these."""

_SAMPLE = 3000
_DOCUMENT_CONFIDENCE = 0.5
_QUERY_CONFIDENCE = 0.8
_QUERY_LETTERS = 24
_QUERY_HITS = 2

_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = (
    # Kana before Han: Japanese uses both, Chinese only one.
    (re.compile(r"[\u3040-\u30ff]"), ("ja",)),
    (re.compile(r"[\uac00-\ud7a3\u1100-\u11ff]"), ("ko",)),
    (re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"), ("zh", "ja")),
    (re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"), ("el",)),
    (re.compile(r"[\u0590-\u05ff]"), ("he",)),
    (re.compile(r"[\u0e00-\u0e7f]"), ("th",)),
    (re.compile(r"[\u0400-\u04ff]"), ("ru", "uk", "bg", "sr")),
    (re.compile(r"[\u0600-\u06ff]"), ("ar", "fa", "ur")),
    (re.compile(r"[\u0900-\u097f]"), ("hi", "mr", "ne")),
)


class LanguageDetector:
    """Names the language of texts. Safe to share between threads.

    The model takes about half a second and 50 MB; it is loaded by the first text that needs it,
    or by `prepare`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._identifier: LanguageIdentifier | None = None

    def prepare(self) -> None:
        """Load the model now. Blocks."""
        self._model()

    def of_document(self, text: str, default: str) -> str:
        """Name the language of a document from samples of its beginning and its middle."""
        code, confidence = self._classify(_sample(text))
        return code if confidence >= _DOCUMENT_CONFIDENCE else default

    def of_query(self, text: str, default: str) -> str:
        """Name the language of a query, or the default when it is not plain to see."""
        by_script = _language_by_script(text, default)
        if by_script is not None:
            return by_script
        words = _WORD.findall(text.casefold())
        by_words = _language_by_function_words(words, default)
        if by_words is not None:
            return by_words
        if sum(map(len, words)) < _QUERY_LETTERS:
            return default
        code, confidence = self._classify(text)
        return code if confidence >= _QUERY_CONFIDENCE else default

    def _classify(self, text: str) -> tuple[str, float]:
        code, confidence = self._model().classify(text)
        return str(code), float(confidence)

    def _model(self) -> LanguageIdentifier:
        with self._lock:
            if self._identifier is None:
                self._identifier = _load_identifier()
            return self._identifier


def _load_identifier() -> LanguageIdentifier:
    """Load the model cut down to our languages: the library would keep all 142 columns."""
    weights, priors, codes, next_states, rows, features = load_model(MODEL_DIR / MODEL_FILE)
    ours = [column for column, code in enumerate(codes) if code in LANGUAGES]
    return LanguageIdentifier(
        np.ascontiguousarray(weights[:, ours]),
        priors[ours],
        [codes[column] for column in ours],
        next_states,
        features,
        norm_probs=True,
        tk_row=rows,
    )


def _sample(text: str) -> str:
    """Take the beginning and the middle: a cover page is not always in the language of the text."""
    if len(text) <= 2 * _SAMPLE:
        return text
    middle = len(text) // 2
    return f"{text[:_SAMPLE]}\n{text[middle : middle + _SAMPLE]}"


def _language_by_script(text: str, default: str) -> str | None:
    """Decide by script; where several languages share one, the default wins if it is of them."""
    for script, codes in _SCRIPTS:
        if script.search(text):
            return default if default in codes else codes[0]
    return None


def _language_by_function_words(words: list[str], default: str) -> str | None:
    hits = Counter(
        {code: sum(word in known for word in words) for code, known in STOP_WORDS.items()}
    )
    (best, most), (_, second) = hits.most_common(2)
    if most < _QUERY_HITS:
        return None
    if hits[default] == most:
        return default
    return best if most > second else None
