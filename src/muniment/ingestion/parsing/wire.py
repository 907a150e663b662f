"""What parent and child say to each other: JSON, each message led by its length in four bytes.

The child reads hostile files, so its messages are checked like any input from outside.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

import orjson
from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from muniment.ports.parsing import ParsedDocument, ParseFailureCode

HEADER = struct.Struct(">I")
ROOM_BEYOND_TEXT = 64 * 2**20
"""JSON escapes and headings make a message longer than its text."""
_LONGEST_ESCAPE = 2


@dataclass(frozen=True, slots=True)
class ParserSelection:
    """Which parsers a child loads: all that are installed, or those named `module:attribute`."""

    references: tuple[str, ...] = ()
    import_path: tuple[str, ...] = ()
    """Folders outside of the installation where named parsers are found."""
    raw_settings: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    """The settings table of each plug-in, unchecked, by its name."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first message to a child."""

    parsers: ParserSelection
    memory_limit: int


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """Read this file."""

    path: str
    media_type: str
    cpu_seconds: int
    max_text: int


@dataclass(frozen=True, slots=True)
class ParserOffer:
    """What the loaded parsers read, and the revision of all of them together."""

    media_types: tuple[str, ...]
    revision: str
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class Unready:
    """The child cannot load its parsers; it is the installation's fault, not a document's."""

    detail: str
    hint: str | None
    kind: Literal["unready"] = "unready"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The document, and what the child holds in memory after it."""

    document: ParsedDocument
    resident: int
    kind: Literal["parsed"] = "parsed"


@dataclass(frozen=True, slots=True)
class Failed:
    """Why the document cannot be read."""

    code: ParseFailureCode
    detail: str
    resident: int
    kind: Literal["failed"] = "failed"


Reply: TypeAlias = ParserOffer | Unready | Parsed | Failed

_REPLY: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])
_START = TypeAdapter(Start)
_REQUEST = TypeAdapter(ParseRequest)


class GarbledReplyError(Exception):
    """The child said something that no child says."""


def pack(message: Start | ParseRequest | Reply) -> bytes:
    """Make the bytes of a message, its length first."""
    body = orjson.dumps(message)
    return HEADER.pack(len(body)) + body


def read_start(body: bytes) -> Start:
    """Read the first message to a child."""
    return _START.validate_json(body)


def read_request(body: bytes) -> ParseRequest:
    """Read a later message to a child."""
    return _REQUEST.validate_json(body)


def read_reply(body: bytes) -> Reply:
    """Read a message from a child. Raises GarbledReplyError."""
    try:
        return _REPLY.validate_json(body)
    except ValidationError as error:
        raise GarbledReplyError("the parser process broke its protocol") from error


def longest_reply(max_text: int) -> int:
    """Give the most bytes that a reply may have."""
    return max_text * _LONGEST_ESCAPE + ROOM_BEYOND_TEXT
