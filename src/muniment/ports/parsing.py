"""The port to document parsers: bytes of a known media type in, canonical text out."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

ParseFailureCode = Literal[
    "unsupported_media_type", "empty_document", "no_text_layer", "encrypted", "malformed",
    "too_large", "parser_timeout", "parser_memory", "parser_crashed",
]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading found in the text: where it starts and ends, and its level (1 is the top)."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The canonical text of a document and its landmarks; every offset counts code points of `text`.

    `text` holds no NUL and no lone surrogate and is never changed afterwards: quotes are slices
    of it.
    """

    text: str
    title: str | None = None
    page_starts: tuple[int, ...] = ()
    """Offset at which each page begins, first page first; empty where there are no pages."""
    headings: tuple[Heading, ...] = field(default=())


class ParseError(Exception):
    """A document that cannot be read, with a reason that a person can act on."""

    def __init__(self, code: ParseFailureCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[type["ParseError"], tuple[ParseFailureCode, str]]:
        return (ParseError, (self.code, self.detail))


class Parser(Protocol):
    """Reads some media types. Runs inside a killable child process, so it may block."""

    @property
    def media_types(self) -> frozenset[str]:
        """The media types that this parser reads."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever the same bytes may give another text."""
        ...

    def parse(self, path: Path, media_type: str) -> ParsedDocument:
        """Read a file. Raises ParseError."""
        ...
