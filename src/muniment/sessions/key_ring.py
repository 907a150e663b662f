"""Sealing what a database may keep but nobody may read there: AES-256-GCM under a ring of keys.

The first key seals, every key of the ring opens. So a key is replaced in two steps: all servers are
given the new one as the second, and then as the first. What is written from then on is sealed anew,
and the old key can go when the oldest session has ended.
"""

import os
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from muniment.identity.key_file import read_or_create
from muniment.identity.settings import SESSION_KEY_BYTES, read_session_key
from muniment.kit.errors import ConfigurationError

KEY_FILE: Final = "sessions.key"
_FORM: Final = b"\x01"
"""What a sealed text begins with, so that another form can be told from this one some day."""
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_HEAD: Final = len(_FORM) + _ID_BYTES


class SealBrokenError(Exception):
    """What was sealed cannot be opened: by another key, for another place, or altered."""


class KeyRing:
    """The keys of an installation, newest first; one for the whole process."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("a ring has at least one key")
        self._newest = _id_of(keys[0])
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}

    @classmethod
    def from_secrets(cls, secrets: Sequence[SecretStr]) -> Self:
        """Take the keys of the settings, newest first."""
        return cls([read_session_key(secret) for secret in secrets])

    @classmethod
    def load_or_create(cls, directory: Path) -> Self:
        """Take the one key of this machine, made there at the first start; blocks."""
        path = directory / KEY_FILE
        content = read_or_create(path, _new_key)
        try:
            return cls.from_secrets([SecretStr(content.decode("ascii").strip())])
        except ValueError:
            raise ConfigurationError(
                f"The file {path} does not hold a key.",
                hint="Delete it: a new one is made at the next start, and everybody signs in anew.",
            ) from None

    def seal(self, secret: str, place: str) -> bytes:
        """Seal a text for one place, a column of a row, and no other."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, secret.encode(), place.encode())
        return _FORM + self._newest + nonce + sealed

    def open(self, sealed: bytes, place: str) -> str:
        """Open what was sealed for this place. Raises SealBrokenError."""
        cipher = self._ciphers.get(sealed[len(_FORM) : _HEAD])
        if not sealed.startswith(_FORM) or cipher is None:
            raise SealBrokenError
        nonce, rest = sealed[_HEAD : _HEAD + _NONCE_BYTES], sealed[_HEAD + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, rest, place.encode()).decode()
        except (InvalidTag, ValueError):
            raise SealBrokenError from None


def _id_of(key: bytes) -> bytes:
    """Name a key without telling anything of it."""
    return sha256(b"muniment session key\0" + key).digest()[:_ID_BYTES]


def _new_key() -> bytes:
    return b64encode(os.urandom(SESSION_KEY_BYTES)) + b"\n"
