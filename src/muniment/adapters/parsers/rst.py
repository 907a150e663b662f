"""reStructuredText: the source itself is the text, like Markdown, with its headings found.

A heading is a line of words with a line of marks below it, and sometimes above. Which marks mean
which level is each author's choice: the first pair that is met is the top (docutils, "Sections").
"""

import re
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.parsers.canonical import read_text, require_text
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import Heading, ParsedDocument

_MARKS = re.compile(r"([!-/:-@\[-`{-~])\1*")
_SHORTEST = 4
"""A shorter line of marks needs to be as long as the title to count."""


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str

    @property
    def mark(self) -> str:
        """Give the mark that fills the line, or nothing."""
        found = _MARKS.fullmatch(self.text)
        return found[1] if found else ""


def find_headings(text: str) -> tuple[Heading, ...]:
    """Find the section titles, in time proportional to the text."""
    lines = _lines(text)
    levels: dict[str, int] = {}
    found: list[Heading] = []
    is_fresh = True
    """Whether a block may begin here: at the start, after a blank line or after a title."""
    at = 0
    while at < len(lines):
        title = _title_at(lines, at) if is_fresh else None
        if title is None:
            is_fresh = not lines[at].text
            at += 1
            continue
        line, style, taken = title
        words = line.text.strip()
        start = line.start + line.text.index(words)
        level = levels.setdefault(style, len(levels) + 1)
        found.append(Heading(start, start + len(words), level))
        at += taken
    return tuple(found)


def _lines(text: str) -> list[_Line]:
    lines = []
    start = 0
    for line in text.split("\n"):
        lines.append(_Line(start, line.rstrip()))
        start += len(line) + 1
    return lines


def _title_at(lines: list[_Line], at: int) -> tuple[_Line, str, int] | None:
    """Give the title that begins at a line, its style, and how many lines it takes."""
    first, second, third = (lines[n] if n < len(lines) else _Line(0, "") for n in range(at, at + 3))
    if first.mark and first.mark == third.mark and first.text == third.text:
        is_title = bool(second.text.strip()) and len(second.text) <= len(first.text)
        return (second, first.mark * 2, 3) if is_title and not second.mark else None
    if first.mark or not first.text or first.text[0].isspace() or not second.mark:
        return None
    is_long_enough = len(second.text) >= min(_SHORTEST, len(first.text))
    return (first, second.mark, 2) if is_long_enough else None


class RstParser:
    """Reads reStructuredText as source."""

    media_types = frozenset({"text/x-rst"})
    revision = "rst-1"

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Read a reStructuredText file. Raises ParseError."""
        text = require_text(read_text(path))
        headings = find_headings(text)
        first = next((text[h.start : h.end] for h in headings if h.level == 1), None)
        return ParsedDocument(text, title=first, headings=headings)


PLUGIN = PluginFactory(NoSettings, lambda _settings: RstParser())
