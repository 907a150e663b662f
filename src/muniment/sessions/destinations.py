"""Where somebody goes on after signing in: a path of ours, or the beginning.

An address that comes with a link may have been made by anybody, and must not lead elsewhere in our
name. Browsers read some odd texts as addresses of other hosts; so everything odd is refused.
"""

import re
from typing import Final
from urllib.parse import unquote

HOME: Final = "/"
MAX_LENGTH: Final = 2048
_PATH: Final = re.compile(r"/[\w.~!$&'()*+,;=:@%/-]*(?:\?[\w.~!$&'()*+,;=:@%/?-]*)?", re.ASCII)
"""A path and a query in the characters of RFC 3986, and no fragment."""
_DECODINGS: Final = 3
"""How many times a proxy or a page may unquote what it passes on."""


def safe_destination(wanted: str | None) -> str:
    """Give the path if it is one of ours, else the beginning."""
    if wanted is None or len(wanted) > MAX_LENGTH or not _PATH.fullmatch(wanted):
        return HOME
    seen = wanted
    for _ in range(_DECODINGS):
        if _leaves_us(seen):
            return HOME
        seen = unquote(seen)
    return HOME if _leaves_us(seen) else wanted


def _leaves_us(text: str) -> bool:
    path = text.partition("?")[0]
    has_odd = any(character < " " or character in "\\\x7f" for character in text)
    # Dots are taken out by browsers before they look for a host: /..//evil.example.
    return has_odd or not path.startswith("/") or "//" in path or "/.." in path or "/./" in path
