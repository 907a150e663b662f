"""Remembering which tokens were verified, so that a client's next request costs a hash."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

from muniment.identity.compact import MAX_TOKEN_LENGTH
from muniment.kit.clock import Clock
from muniment.kit.hit_metrics import HitFigures

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    expires_at: datetime


class TokenCache(Generic[Value]):
    """Maps verified tokens to what they stand for, up to a number and never beyond their `exp`.

    The key is the hash of the whole token, signature included, and the tokens are not kept. A hit
    says that the token was good, not that it still is: whoever asks must check revocation and
    whether the user is disabled at every hit.
    """

    def __init__(self, size: int, clock: Clock) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[bytes, _Entry[Value]] = OrderedDict()
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    @property
    def figures(self) -> HitFigures:
        """Tell how often a token was known."""
        return HitFigures(self.hits, self.misses)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, token: str) -> Value | None:
        """Give what a token stands for, if it was verified before and has not expired."""
        key = _key(token)
        now = self._clock.now()
        with self._lock:
            entry = self._entries.get(key) if key is not None else None
            if key is None or entry is None:
                self.misses += 1
                return None
            if now >= entry.expires_at:
                del self._entries[key]
                self.misses += 1
                return None
            self._entries.move_to_end(key)
            self.hits += 1
            return entry.value

    def add(self, token: str, value: Value, expires_at: datetime) -> None:
        """Remember a verified token until it expires; the one unused for longest gives way."""
        key = _key(token)
        if key is None:
            return
        with self._lock:
            self._entries[key] = _Entry(value, expires_at)
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget every token."""
        with self._lock:
            self._entries.clear()


def _key(token: str) -> bytes | None:
    """Hash a token; one that no verifier would accept by its form is not worth hashing."""
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        return None
    return sha256(token.encode("ascii")).digest()
