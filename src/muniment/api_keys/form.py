"""How an API key looks: `mun_`, 43 random letters and digits, and six that check them.

The prefix lets scanners of repositories and logs find keys, and us choose the way in. With the
checksum they tell a key from what looks like one, and a typing error costs no query.
"""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from muniment.identity.authentication import API_KEY_PREFIX

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY_LENGTH: Final = 43
"""62 to the power of 43 is more than 2 to the power of 256."""
_CHECKSUM_LENGTH: Final = 6
"""Holds any CRC32: 62 to the power of 6 is more than 2 to the power of 32."""
_SHOWN_LENGTH: Final = 8
_FORM: Final = re.compile(
    rf"{API_KEY_PREFIX}[0-9A-Za-z]{{{_BODY_LENGTH + _CHECKSUM_LENGTH}}}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that nobody has yet."""

    secret: SecretStr
    """All of it, for its owner alone, once."""
    prefix: str
    """Its beginning, by which the owner tells their keys apart."""
    secret_hash: bytes


def make_key() -> MadeKey:
    """Make a key from 256 bits of the system's randomness."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_BODY_LENGTH))
    begun = API_KEY_PREFIX + body
    secret = begun + _checksum(begun)
    return MadeKey(
        secret=SecretStr(secret),
        prefix=secret[: len(API_KEY_PREFIX) + _SHOWN_LENGTH],
        secret_hash=hash_of(secret),
    )


def is_well_formed(secret: str) -> bool:
    """Tell whether a text can be a key at all."""
    if _FORM.fullmatch(secret) is None:
        return False
    return secret[-_CHECKSUM_LENGTH:] == _checksum(secret[:-_CHECKSUM_LENGTH])


def hash_of(secret: str) -> bytes:
    """Give what is kept of a key: SHA-256 of all of it.

    Neither salt nor a slow hash: both are against guessing, and 256 random bits are not guessed.
    """
    return hashlib.sha256(secret.encode()).digest()


def _checksum(begun: str) -> str:
    number = zlib.crc32(begun.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
