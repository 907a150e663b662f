"""The port to document parsers: bytes of a known media type in, canonical text out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from typing_extensions import override

PARSER_GROUP = "muniment.parsers"
"""The group of entry points under which parsers are found."""

ParseFailureCode = Literal[
    "unsupported_media_type",
    "empty_document",
    "no_text_layer",
    "encrypted",
    "malformed",
    "too_large",
    "parser_timeout",
    "parser_memory",
    "parser_crashed",
]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading found in the text: where its words stand, and its level (1 is the top).

    `text[start:end]` is what a reader would call the heading: without the marks of the format
    (`#` in Markdown), so that it can stand in front of a passage.
    """

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The canonical text of a document and its landmarks; offsets count code points.

    `text` is valid Unicode, ends its lines with a bare line feed and holds no other control
    character but tab and form feed. It is never changed afterwards: quotes are slices of it.
    """

    text: str
    title: str | None = None
    page_starts: tuple[int, ...] = ()
    """Offset at which each page begins, first page first; empty where there are no pages.

    Never falling: a blank page begins where the next one does.
    """
    headings: tuple[Heading, ...] = ()


class ParseError(Exception):
    """A document that cannot be read, with a reason that a person can act on."""

    def __init__(self, code: ParseFailureCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    @override
    def __reduce__(self) -> tuple[type["ParseError"], tuple[ParseFailureCode, str]]:
        return (ParseError, (self.code, self.detail))


class Parser(Protocol):
    """Reads some media types. Runs inside a killable child process, so it may block.

    It need not guard itself against endless work or memory: the child process has limits. It
    must turn what it cannot read into a ParseError.
    """

    @property
    def media_types(self) -> frozenset[str]:
        """The media types that this parser reads."""
        ...

    @property
    def revision(self) -> str:
        """Changes whenever the same bytes may give another text."""
        ...

    def parse(self, path: Path, media_type: str, /) -> ParsedDocument:
        """Read a file. Raises ParseError."""
        ...
