"""What the XML parts of a Word document mean (ECMA-376 part 1, WordprocessingML).

Names are compared without namespaces: the strict and the transitional flavour of the format
differ in nothing else that matters here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from muniment.adapters.parsers.canonical import settle
from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.adapters.parsers.xmlpart import XmlHandler

_Attributes = Mapping[str, str]

_UNSEEN = frozenset({"Fallback", "moveFrom", "del"})
"""Second copies for old programs, and what a tracked change took away."""
_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}
_BLOCKS = frozenset({"tbl", "tr", "tc", "p"})
_INSIDE = frozenset({"t", "r", "rPr", "vanish", "pStyle", "outlineLvl"})
_OFF = frozenset({"0", "false", "off"})
_BODY_TEXT = 9
_LONGEST_CHAIN = 16


@dataclass(slots=True)
class _Style:
    level: int | None = None
    based_on: str | None = None


class StylesReader(XmlHandler):
    """Learns which paragraph styles are headings, and of what level."""

    wanted = frozenset({"style", "name", "basedOn", "outlineLvl"})

    def __init__(self) -> None:
        self._styles: dict[str, _Style] = {}
        self._style = _Style()

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        value = attributes.get("val", "")
        if name == "style":
            self._style = _Style()
            self._styles[attributes.get("styleId", "")] = self._style
        elif name == "name":
            self._style.level = _level_of_name(value)
        elif name == "basedOn":
            self._style.based_on = value
        elif name == "outlineLvl":
            self._style.level = _outline_level(value)

    def levels(self) -> dict[str, int]:
        """Give the heading level of every style that has one, of its own or by inheritance."""
        found = {style_id: self._level(style_id) for style_id in self._styles}
        return {style_id: level for style_id, level in found.items() if level is not None}

    def _level(self, style_id: str) -> int | None:
        for _ in range(_LONGEST_CHAIN):
            style = self._styles.get(style_id)
            if style is None:
                return None
            if style.level is not None:
                return style.level or None
            style_id = style.based_on or ""
        return None


def _level_of_name(name: str) -> int | None:
    words = name.lower().split()
    if words == ["title"]:
        return 1
    is_heading = len(words) == 2 and words[0] == "heading" and words[1] in set("123456789")  # noqa: PLR2004 - "heading 1"
    return int(words[1]) if is_heading else None


def _outline_level(value: str) -> int | None:
    """Give the level from the outline, which counts from 0; 9 means body text (no level: 0)."""
    if len(value) != 1 or value not in "0123456789":
        return None
    return 0 if int(value) == _BODY_TEXT else int(value) + 1


@dataclass(slots=True)
class _Paragraph:
    pieces: list[str]
    level: int = 0


class BodyReader(XmlHandler):
    """Writes the visible paragraphs and tables of the body or of the notes into a text flow."""

    wanted = _UNSEEN | _BLOCKS | _INSIDE | frozenset(_MARKS) | {"document"}

    def __init__(self, levels: Mapping[str, int]) -> None:
        self.flow = TextFlow()
        self.is_document = False
        self._levels = levels
        self._open: list[_Paragraph] = []
        self._unseen = 0
        self._tables = 0
        self._in_text = False
        self._run: list[str] = []
        self._run_is_hidden = False
        self._in_run_properties = False

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        if self._unseen or name in _UNSEEN:
            self._unseen += name in _UNSEEN
        elif name in _BLOCKS:
            self._start_block(name)
        elif name == "document":
            self.is_document = True
        elif self._open:
            self._start_inside(name, attributes)

    @override
    def end(self, name: str) -> None:
        if self._unseen:
            self._unseen -= name in _UNSEEN
        elif name == "tbl":
            self._tables -= 1
            self.flow.break_at(Break.LINE if self._tables else Break.PARAGRAPH)
        elif name == "p" and self._open:
            self._write(self._open.pop())
        elif self._open:
            self._end_inside(name)

    @override
    def text(self, text: str) -> None:
        if self._in_text and not self._unseen:
            self._run.append(settle(text))

    def _start_block(self, name: str) -> None:
        if name == "tbl":
            self.flow.break_at(Break.LINE if self._tables else Break.PARAGRAPH)
            self._tables += 1
        elif name == "tr":
            self.flow.break_at(Break.LINE)
        elif name == "tc":
            self.flow.next_cell()
        else:
            self._keep_run()
            self._open.append(_Paragraph([]))

    def _start_inside(self, name: str, attributes: _Attributes) -> None:
        value = attributes.get("val", "")
        if name == "t":
            self._in_text = True
        elif name == "r":
            # What hides the mark of the paragraph, before its first run, hides no words.
            self._run_is_hidden = False
        elif name in _MARKS and not self._in_paragraph_properties(name, attributes):
            self._run.append(_MARKS[name])
        elif name == "pStyle":
            self._open[-1].level = self._levels.get(value, 0)
        elif name == "outlineLvl":
            self._open[-1].level = _outline_level(value) or 0
        elif name == "rPr":
            self._in_run_properties = True
        elif name == "vanish" and self._in_run_properties:
            self._run_is_hidden = value not in _OFF

    @staticmethod
    def _in_paragraph_properties(name: str, attributes: _Attributes) -> bool:
        """Tell a tab stop of the paragraph's layout, which has a position, from a typed tab."""
        return name == "tab" and "pos" in attributes

    def _end_inside(self, name: str) -> None:
        if name == "t":
            self._in_text = False
        elif name == "rPr":
            self._in_run_properties = False
        elif name == "r":
            self._keep_run()

    def _keep_run(self) -> None:
        if self._open and not self._run_is_hidden:
            self._open[-1].pieces.extend(self._run)
        self._run = []
        self._run_is_hidden = False

    def _write(self, paragraph: _Paragraph) -> None:
        words = "".join(paragraph.pieces).strip()
        if words:
            if paragraph.level:
                self.flow.open_heading(paragraph.level)
            self.flow.add_literal(words)
            self.flow.close_heading()
        self.flow.break_at(Break.NONE if self._tables else Break.PARAGRAPH)
        if self._tables and words:
            self.flow.space()
