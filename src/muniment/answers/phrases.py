"""The few words of an answer that are not quoted, in the language of the question."""

from types import MappingProxyType

_FALLBACK = "en"
_NO_ANSWER = MappingProxyType(
    {
        "de": "Die Dokumente sagen dazu nichts.",
        "en": "The documents do not say.",
        "es": "Los documentos no lo dicen.",
        "fr": "Les documents ne le disent pas.",
        "it": "I documenti non lo dicono.",
        "nl": "De documenten zeggen daar niets over.",
        "pt": "Os documentos não o dizem.",
        "zh": "文件中没有说明。",
    }
)


def no_answer(language: str) -> str:
    """Say that the documents do not say; in English where we lack the words."""
    return _NO_ANSWER.get(language, _NO_ANSWER[_FALLBACK])
