"""What a fetched thing is called and which kind it is."""

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote, urlsplit

from muniment.ports.media_types import UNKNOWN, endings_of, media_type_for

_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]")
_LONGEST: Final = 255
_SAYS_LITTLE: Final = frozenset({"", "text/plain", UNKNOWN, "binary/octet-stream"})
"""What servers say of files that they know nothing of."""


def name_of(url: str) -> str:
    """Give the last part of the path, else the host: what a person would call the file."""
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rpartition("/")[2])
    name = _UNFIT.sub("\N{REPLACEMENT CHARACTER}", last)[-_LONGEST:].strip()
    return (parts.hostname or "") if name in {"", ".", ".."} else name


def kind_of(name: str, content_type: str | None, head: bytes, accepted: Collection[str]) -> str:
    """Decide the media type: here the server knows better than the ending of an address.

    `index.php` is a web page as a rule, while a file server calls everything text or bytes.
    """
    said = (content_type or "").partition(";")[0].strip().lower()
    endings = () if said in _SAYS_LITTLE else endings_of(said)
    if endings:
        as_said = media_type_for(f"x{endings[0]}", said, head)
        if as_said in accepted:
            return as_said
    return media_type_for(name, content_type, head)
