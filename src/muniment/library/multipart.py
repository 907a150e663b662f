"""A reader of multipart forms (RFC 7578) that never holds more than a piece of them.

The parser of python-multipart splits the bytes; this reader turns its callbacks around, so that
whoever takes in a part pulls its bytes and the client is slowed down to that pace.
"""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from muniment.kit.errors import UnsupportedMediaTypeError
from muniment.library.errors import MalformedUploadError, UploadTooLargeError

_MAX_BOUNDARY: Final = 70
"""RFC 2046, section 5.1.1."""
_MAX_HEADERS: Final = 8
_MAX_HEADER_BYTES: Final = 4096
_MAX_TOTAL_HEADER_BYTES: Final = 8192
_PLAIN_TRANSFER: Final = frozenset({b"", b"7bit", b"8bit", b"binary"})


@dataclass(frozen=True, slots=True)
class PartHead:
    """What a part says about itself before its bytes."""

    name: str
    filename: str | None
    content_type: str | None


@dataclass(frozen=True, slots=True)
class _Head:
    headers: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Bytes:
    content: bytes


class _End:
    """The end of a part."""


_Event = _Head | _Bytes | _End


class MultipartReader:
    """Gives the parts of a form one after the other.

    The bytes of a part must be taken (or dropped) before the next part is asked for.
    """

    def __init__(self, content_type: str | None, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._events: deque[_Event] = deque()
        self._collector = _Collector(self._events)
        self._parser = MultipartParser(
            _boundary(content_type),
            {
                "on_part_begin": self._collector.begin,
                "on_header_field": self._collector.add_to_name,
                "on_header_value": self._collector.add_to_value,
                "on_header_end": self._collector.end_header,
                "on_headers_finished": self._collector.end_headers,
                "on_part_data": self._collector.add_content,
                "on_part_end": self._collector.end_part,
                "on_end": self._collector.end,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_BYTES,
        )

    async def next_part(self) -> PartHead | None:
        """Give the head of the next part; None after the last. Raises MalformedUploadError."""
        event = await self._next()
        while isinstance(event, _Bytes | _End):
            event = await self._next()
        return None if event is None else _read_head(event.headers)

    async def content(self) -> AsyncIterator[bytes]:
        """Stream the bytes of the present part."""
        while isinstance(event := await self._next(), _Bytes):
            yield event.content

    async def _next(self) -> _Event | None:
        while not self._events:
            if self._collector.has_ended:
                return None
            await self._feed()
        return self._events.popleft()

    async def _feed(self) -> None:
        chunk = await anext(self._body, None)
        if chunk is None:
            raise MalformedUploadError(
                "The body ends in the middle of the form.",
                hint="Send it again; a form ends with its boundary and two dashes.",
            )
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedUploadError(
                "The body is not a multipart form.",
                hint="The boundary in Content-Type must be that of the body.",
            ) from error


class _Collector:
    """Gathers what the parser finds into events."""

    def __init__(self, events: deque[_Event]) -> None:
        self._events = events
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._header_bytes = 0
        self.has_ended = False

    def begin(self) -> None:
        self._headers = {}
        self._header_bytes = 0

    def add_to_name(self, content: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._name += content[start:end]

    def add_to_value(self, content: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += content[start:end]

    def end_header(self) -> None:
        name = self._name.lower()
        if name in self._headers:
            raise MalformedUploadError("A part of the form has the same header twice.")
        self._headers[name] = self._value
        self._name = self._value = b""

    def end_headers(self) -> None:
        self._events.append(_Head(self._headers))

    def add_content(self, content: bytes, start: int, end: int) -> None:
        self._events.append(_Bytes(content[start:end]))

    def end_part(self) -> None:
        self._events.append(_End())

    def end(self) -> None:
        self.has_ended = True

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MAX_TOTAL_HEADER_BYTES:
            raise UploadTooLargeError("The headers of a part of the form are too long.")


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise UnsupportedMediaTypeError(
            "Files are uploaded as a multipart form.",
            hint="Send Content-Type: multipart/form-data with one part `file` for each file.",
        )
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise MalformedUploadError("The header Content-Type has no boundary that can be used.")
    return boundary


def _read_head(headers: dict[bytes, bytes]) -> PartHead:
    kind, options = parse_options_header(headers.get(b"content-disposition"))
    name = options.get(b"name")
    if kind != b"form-data" or name is None:
        raise MalformedUploadError("A part of the form has no name.")
    if headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN_TRANSFER:
        raise MalformedUploadError(
            "A part of the form is encoded.", hint="Send the bytes as they are (RFC 7578, 4.7)."
        )
    content_type = headers.get(b"content-type")
    filename = options.get(b"filename")
    return PartHead(
        name=_text(name),
        filename=None if filename is None else _text(filename),
        content_type=None if content_type is None else _text(content_type),
    )


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise MalformedUploadError("A header of the form is not UTF-8.") from None
