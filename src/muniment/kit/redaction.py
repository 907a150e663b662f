"""What must not reach a log: secrets, by the name they are kept under and by how they look."""

import re
from collections.abc import Mapping
from datetime import date, time
from functools import lru_cache
from uuid import UUID

from structlog.typing import EventDict

REDACTED = "[redacted]"
_DEEPEST = 4

_WORDS = r"authorization|token|passw|secret|api[_-]?key|cookie|credential|private_key|signature"
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_HARMLESS_NAMES = frozenset({"max_tokens", "tokens", "prompt_tokens", "completion_tokens"})
_SUSPICIOUS = re.compile(r"""://|eyJ|mun_|=|\b(?:bearer|basic)\s|["']\s*:""", re.IGNORECASE)
_NAME = rf"[\w-]{{0,64}}?(?:{_WORDS})[\w-]{{0,64}}"
_QUOTED = r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_SHAPES = (
    # Up to the last @, since a password may hold one; bounded, or the cost would be a square.
    (re.compile(r"(://[^\s:/@]*):\S{1,1024}@"), rf"\1:{REDACTED}@"),
    # JSON of ASCII has no `_` in base64url, so `_` may stand before a token and starts it anew.
    (re.compile(r"(?<![A-Za-z0-9-])eyJ[A-Za-z0-9-]{8,}\.[\w-]+(\.[\w-]*)?"), REDACTED),
    # An API key of ours, whole or cut off (api_keys/form.py); what its owner is shown is shorter.
    (re.compile(r"mun_[A-Za-z0-9]{9,}"), REDACTED),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
)
_ASSIGNED = re.compile(
    rf"""(?<![\w-])(?P<name>{_NAME}|code)(?P<sign>=)(?P<value>{_QUOTED}|["']?[^\s&'"]+)""",
    re.IGNORECASE,
)
_MEMBER = re.compile(
    rf"""(?P<quote>["'])(?P<name>{_NAME})(?P=quote)(?P<sign>\s*:\s*)(?P<value>{_QUOTED})""",
    re.IGNORECASE,
)
_PLAIN = (UUID, date, time)
"""What a renderer writes by itself, and what holds no words of anybody."""


def redact_text(text: str) -> str:
    """Blank what looks like a secret inside a text: passwords in addresses, tokens, headers."""
    if not _SUSPICIOUS.search(text):
        return text
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return _MEMBER.sub(_blank_value, _ASSIGNED.sub(_blank_value, text))


def _blank_value(found: re.Match[str]) -> str:
    if found["name"] in _HARMLESS_NAMES:
        return found[0]
    return found[0].removesuffix(found["value"]) + REDACTED


def redact_value(name: str, value: object, depth: int = 0) -> object:
    """Blank a value that is kept under a telling name, or the secrets inside it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _is_secret_name(name):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray):
        return redact_text(value.decode("utf-8", "replace"))
    if isinstance(value, _PLAIN):
        return value
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(key): redact_value(str(key), item, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [redact_value(name, item, depth + 1) for item in value]
    # Whatever else it is, a renderer would write it as text, and nobody would look at that text.
    return redact_text(str(value))


@lru_cache(maxsize=1024)
def _is_secret_name(name: str) -> bool:
    return name not in _HARMLESS_NAMES and _SECRET_NAME.search(name) is not None


def redact_event(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Blank the secrets of a log entry; a structlog processor."""
    for name, value in event.items():
        if name != "exc_info":  # laid out by the renderer, and its lines are cleaned after that
            event[name] = redact_value(name, value)
    return event
