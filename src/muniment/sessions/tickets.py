"""Secrets that a browser brings back: made at random, known to us by their hash alone."""

import re
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

_BYTES: Final = 32
_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def new_ticket() -> str:
    """Make a secret of 256 bits."""
    return token_urlsafe(_BYTES)


def is_ticket(text: str) -> bool:
    """Tell whether a text could be one: whatever else comes is not asked of the database."""
    return _FORM.fullmatch(text) is not None


def hash_of(ticket: str) -> bytes:
    """Give what the database knows of it. Nobody guesses 256 bits, so a plain hash will do."""
    return sha256(ticket.encode()).digest()
