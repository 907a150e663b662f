"""What the XML parts of an OpenDocument text mean (OASIS ODF 1.3)."""

import re
from collections.abc import Mapping

from typing_extensions import override

from muniment.adapters.parsers.canonical import settle
from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.adapters.parsers.xmlpart import XmlHandler

_Attributes = Mapping[str, str]

_PARAGRAPHS = frozenset({"p", "h"})
_UNSEEN = frozenset(
    {"tracked-changes", "annotation", "note-citation", "ruby-text", "hidden-text", "forms"}
    | {"table-of-content", "alphabetical-index", "illustration-index", "table-index"}
    | {"bibliography", "user-index", "object-index", "sequence-decls", "variable-decls"}
    | {"svg:title", "svg:desc", "script", "binary-data"}
)
"""What is not in print, what a tracked change took away, and lists that repeat headings."""
_INSIDE = frozenset({"s", "tab", "line-break"})
_TABLE = frozenset({"table", "table-row", "table-cell", "covered-table-cell"})
_WHITE_SPACE = re.compile("[ \t\n]+")
_MOST_SPACES = 80
_DEEPEST_LEVEL = 10


class ManifestReader(XmlHandler):
    """Tells whether parts of the document are encrypted."""

    wanted = frozenset({"encryption-data"})
    is_encrypted = False

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        self.is_encrypted = True


class _Paragraph:
    def __init__(self, level: int) -> None:
        self.level = level
        self.pieces: list[str] = []


class OdfBodyReader(XmlHandler):
    """Writes the headings, paragraphs and tables of the body; notes come at the end."""

    wanted = _PARAGRAPHS | _UNSEEN | _INSIDE | _TABLE | {"note", "text", "body"}

    def __init__(self) -> None:
        self.flow = TextFlow()
        self.is_text = False
        """Whether there is a body of text: a sheet or a drawing has another."""
        self._in_body = False
        self._notes: list[str] = []
        self._open: list[_Paragraph] = []
        self._unseen = 0
        self._tables = 0
        self._in_note = 0

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        if self._unseen or name in _UNSEEN:
            self._unseen += name in _UNSEEN
        elif name in {"body", "text"}:
            self.is_text |= name == "text" and self._in_body
            self._in_body |= name == "body"
        elif name in _PARAGRAPHS:
            self._open.append(_Paragraph(_level(attributes) if name == "h" else 0))
        elif name in _INSIDE:
            self._add(_mark(name, attributes))
        elif name == "note":
            self._in_note += 1
        else:
            self._start_table(name)

    @override
    def end(self, name: str) -> None:
        if self._unseen:
            self._unseen -= name in _UNSEEN
        elif name in _PARAGRAPHS:
            self._write(self._open.pop())
        elif name == "note":
            self._in_note -= 1
        elif name == "table":
            self._tables -= 1
            self.flow.break_at(Break.LINE if self._tables else Break.PARAGRAPH)

    @override
    def text(self, text: str) -> None:
        if self._open and not self._unseen:
            # White space of the source counts as one space; what counts has elements of its own.
            self._add(_WHITE_SPACE.sub(" ", settle(text)))

    def finish(self) -> None:
        """Write the notes."""
        for words in self._notes:
            self.flow.break_at(Break.PARAGRAPH)
            self.flow.add_literal(words)
        self.flow.break_at(Break.PARAGRAPH)

    def _start_table(self, name: str) -> None:
        if name == "table":
            self.flow.break_at(Break.LINE if self._tables else Break.PARAGRAPH)
            self._tables += 1
        elif name == "table-row":
            self.flow.break_at(Break.LINE)
        else:
            self.flow.next_cell()

    def _add(self, words: str) -> None:
        if not self._open:
            return
        pieces = self._open[-1].pieces
        if words.startswith(" ") and pieces and pieces[-1].endswith(" "):
            words = words.lstrip(" ")
        if words:
            pieces.append(words)

    def _write(self, paragraph: _Paragraph) -> None:
        words = "".join(paragraph.pieces).strip()
        if words and self._in_note:
            self._notes.append(words)
        elif words:
            if paragraph.level:
                self.flow.open_heading(paragraph.level)
            self.flow.add_literal(words)
            self.flow.close_heading()
        if not self._in_note:
            self.flow.break_at(Break.NONE if self._tables else Break.PARAGRAPH)
            if self._tables and words:
                self.flow.space()


def _level(attributes: _Attributes) -> int:
    level = attributes.get("outline-level", "1")
    number = int(level) if level.isdecimal() and len(level) < len("100") else 1
    return min(max(number, 1), _DEEPEST_LEVEL)


def _mark(name: str, attributes: _Attributes) -> str:
    if name == "tab":
        return "\t"
    if name == "line-break":
        return "\n"
    count = attributes.get("c", "1")
    is_small = count.isdecimal() and len(count) < len("1000")
    return " " * min(int(count) if is_small else 1, _MOST_SPACES)
