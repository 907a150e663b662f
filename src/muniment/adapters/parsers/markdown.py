"""Markdown: the source itself is the text, so that a quote is found in the file by searching.

Rendering would lose the literal quote and gain little: people read and write Markdown as source.
Headings follow CommonMark 0.31 (ATX 4.2, setext 4.3, fences 4.5) line by line, in linear time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from muniment.adapters.parsers.canonical import read_text, require_text
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import Heading, ParsedDocument

_DEEPEST = 6
_CODE_INDENT = 4
_FENCE_LENGTH = 3
_NO_PARAGRAPH = re.compile(r"[>#|*+-]|\d{1,9}[.)]\s|```|~~~")


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str

    @property
    def words(self) -> str:
        return self.text.strip()

    @property
    def is_indented_code(self) -> bool:
        return self.text.startswith("\t") or self.text.startswith(" " * _CODE_INDENT)

    def heading(self, words: str, level: int) -> Heading:
        start = self.start + self.text.index(words)
        return Heading(start, start + len(words), level)


def find_headings(text: str) -> tuple[Heading, ...]:
    """Find the ATX and setext headings outside of front matter and code."""
    body_start, _ = _front_matter(text)
    found: list[Heading] = []
    before: _Line | None = None
    for line in _outside_fences(_lines(text, body_start)):
        heading = None if line.is_indented_code else _atx(line)
        if heading is None and before is not None:
            heading = _setext(before, line)
        if heading is not None:
            found.append(heading)
        before = line if heading is None and _may_be_paragraph(line) else None
    return tuple(found)


def _lines(text: str, start: int) -> Iterator[_Line]:
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield _Line(start, text[start:end])
        start = end + 1


def _outside_fences(lines: Iterator[_Line]) -> Iterator[_Line]:
    fence = ""
    for line in lines:
        marks = "" if line.is_indented_code else _fence_marks(line.words)
        if fence:
            if marks.startswith(fence) and marks == line.words:
                fence = ""
        elif marks:
            fence = marks
        else:
            yield line


def _fence_marks(words: str) -> str:
    mark = words[:1]
    if mark not in {"`", "~"}:
        return ""
    rest = words.lstrip(mark)
    marks = words[: len(words) - len(rest)]
    is_inline_code = mark == "`" and "`" in rest
    return "" if len(marks) < _FENCE_LENGTH or is_inline_code else marks


def _atx(line: _Line) -> Heading | None:
    words = line.words
    rest = words.lstrip("#")
    level = len(words) - len(rest)
    if not 1 <= level <= _DEEPEST or (rest and rest[0] not in " \t"):
        return None
    title = rest.strip()
    without_closing = title.rstrip("#")
    if without_closing != title and without_closing[-1:] in {"", " ", "\t"}:
        title = without_closing.strip()
    return line.heading(title, level) if title else None


def _setext(title: _Line, underline: _Line) -> Heading | None:
    marks = underline.words
    if underline.is_indented_code or not marks or (marks.strip("=") and marks.strip("-")):
        return None
    return title.heading(title.words, 1 if marks[0] == "=" else 2)


def _may_be_paragraph(line: _Line) -> bool:
    words = line.words
    return bool(words) and not line.is_indented_code and not _NO_PARAGRAPH.match(words)


def _front_matter(text: str) -> tuple[int, str | None]:
    """Give where the body starts and the front matter's title; no YAML is interpreted."""
    if not text.startswith("---\n"):
        return 0, None
    title = None
    for line in _lines(text, len("---\n")):
        if line.text.rstrip() in {"---", "..."}:
            return line.start + len(line.text), title
        if line.text.startswith("title:"):
            title = line.text.removeprefix("title:").strip().strip("\"'") or None
    return 0, None


class MarkdownParser:
    """Reads Markdown as source."""

    media_types = frozenset({"text/markdown"})
    revision = "markdown-1"

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Read a Markdown file. Raises ParseError."""
        text = require_text(read_text(path))
        headings = find_headings(text)
        _, title = _front_matter(text)
        first = next((text[h.start : h.end] for h in headings if h.level == 1), None)
        return ParsedDocument(text, title=title or first, headings=headings)


PLUGIN = PluginFactory(NoSettings, lambda _settings: MarkdownParser())
