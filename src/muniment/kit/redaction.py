"""What must not reach a log: secrets, by the name they are kept under and by how they look."""

import re
from collections.abc import Mapping
from functools import lru_cache

from structlog.typing import EventDict

REDACTED = "[redacted]"
_DEEPEST = 4

_SECRET_NAME = re.compile(
    r"authorization|token|passw|secret|api_?key|cookie|credential|private_key|signature",
    re.IGNORECASE,
)
_HARMLESS_NAMES = frozenset({"max_tokens", "tokens", "prompt_tokens", "completion_tokens"})
_SUSPICIOUS = re.compile(r"://|eyJ|=|\b(?:bearer|basic)\s", re.IGNORECASE)
_SHAPES = (
    (re.compile(r"(://[^\s:/@]*):[^\s@]+@"), rf"\1:{REDACTED}@"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?"), REDACTED),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (
        re.compile(r"\b(password|token|secret|api_?key|code)=[^\s&'\"]+", re.IGNORECASE),
        rf"\1={REDACTED}",
    ),
)


def redact_text(text: str) -> str:
    """Blank what looks like a secret inside a text: passwords in addresses, tokens, headers."""
    if not _SUSPICIOUS.search(text):
        return text
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def redact_value(name: str, value: object, depth: int = 0) -> object:
    """Blank a value that is kept under a telling name, or the secrets inside it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _is_secret_name(name):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if depth >= _DEEPEST:
        return redact_text(str(value))
    if isinstance(value, Mapping):
        return {str(key): redact_value(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(name, item, depth + 1) for item in value]
    return value


@lru_cache(maxsize=1024)
def _is_secret_name(name: str) -> bool:
    return name not in _HARMLESS_NAMES and _SECRET_NAME.search(name) is not None


def redact_event(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Blank the secrets of a log entry; a structlog processor."""
    for name, value in event.items():
        event[name] = redact_value(name, value)
    return event
