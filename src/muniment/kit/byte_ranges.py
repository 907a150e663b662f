"""Parts of a download: the headers `Range` and `If-Range` of a GET (RFC 9110, 13.1.5 and 14).

One part is given at a time: whoever asks for several gets the whole, as RFC 9110, 14.2 allows. So
does whoever asks in another unit, or in a way that cannot be read.
"""

import re
from dataclasses import dataclass
from typing import Final

from muniment.kit.errors import MunimentError

# More digits than any file has bytes are no number here, and cost no time.
_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


class RangeNotSatisfiableError(MunimentError):
    """The part that is asked for lies beyond the end."""

    code = "range_not_satisfiable"
    status = 416
    title = "There are no such bytes"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"The part that was asked for lies beyond the {size} bytes there are.",
            hint="Content-Range says how many there are.",
            headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
        )


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` up to `end`, which is not among them."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.end - self.start

    def content_range(self, whole: int) -> str:
        """Write the header `Content-Range`, whose last byte is among them."""
        return f"bytes {self.start}-{self.end - 1}/{whole}"


@dataclass(frozen=True, slots=True)
class WantedPart:
    """What a caller says about the part that is wanted, unread."""

    range_header: str | None = None
    if_range: str | None = None

    def of(self, size: int, etag: str) -> ByteRange | None:
        """Give the part of so many bytes; None for all. Raises RangeNotSatisfiableError.

        `If-Range` is a condition: the caller holds a part of what had this tag. With another tag,
        or with a date, of which we send none, all of what there is now is given.
        """
        if self.range_header is None or self.if_range not in {None, etag}:
            return None
        found = _ONE_RANGE.fullmatch(self.range_header)
        if found is None:
            return None
        first, last = found.groups()
        if first:
            return _from(int(first), int(last) if last else None, size)
        return _last(int(last), size) if last else None


WHOLE: Final = WantedPart()
"""No part is asked for."""


def _from(first: int, last: int | None, size: int) -> ByteRange | None:
    if last is not None and last < first:
        return None
    if first >= size:
        raise RangeNotSatisfiableError(size)
    return ByteRange(first, size if last is None else min(last + 1, size))


def _last(count: int, size: int) -> ByteRange:
    if count == 0 or size == 0:
        raise RangeNotSatisfiableError(size)
    return ByteRange(max(size - count, 0), size)
