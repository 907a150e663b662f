"""What the XML parts of a presentation mean (ECMA-376 part 1, PresentationML and DrawingML)."""

from collections.abc import Mapping

from typing_extensions import override

from muniment.adapters.parsers.canonical import settle
from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.adapters.parsers.xmlpart import XmlHandler

_Attributes = Mapping[str, str]

_TITLES = frozenset({"title", "ctrTitle"})
_REPEATED = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})
"""Placeholders that hold what stands on every slide, or the slide itself."""
_HIDDEN = frozenset({"0", "false"})


class PresentationReader(XmlHandler):
    """Lists the slides in the order in which they are shown."""

    wanted = frozenset({"presentation", "sldId"})

    def __init__(self) -> None:
        self.is_presentation = False
        self.slides: list[str] = []

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        if name == "presentation":
            self.is_presentation = True
        else:
            self.slides.append(attributes.get("r:id", ""))


class SlideReader(XmlHandler):
    """Writes the words of a slide into a text flow, shape by shape."""

    wanted = frozenset({"sld", "sp", "ph", "p", "t", "br", "tbl", "tr", "tc", "Fallback"})

    def __init__(self, flow: TextFlow, only: str = "") -> None:
        self._flow = flow
        self._only = only
        """The one kind of placeholder that is read; all when it is empty."""
        self._place = ""
        self.is_hidden = False
        self._unseen = 0
        self._in_table = False
        self._in_text = False
        self._pieces: list[str] = []

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        if self._unseen or name == "Fallback":
            self._unseen += name == "Fallback"
        elif name == "sld":
            self.is_hidden = attributes.get("show") in _HIDDEN
        elif name == "sp":
            self._place = ""
        elif name == "ph":
            self._place = attributes.get("type", "obj")
        elif name in {"tbl", "tr", "tc"}:
            self._start_table(name)
        else:
            self._start_inside(name)

    @override
    def end(self, name: str) -> None:
        if self._unseen:
            self._unseen -= name == "Fallback"
        elif name == "sp":
            self._flow.close_heading()
            self._place = ""
            self._flow.break_at(Break.PARAGRAPH)
        elif name == "tbl":
            self._in_table = False
            self._flow.break_at(Break.PARAGRAPH)
        elif name == "t":
            self._in_text = False
        elif name == "p":
            self._write("".join(self._pieces).strip())

    @override
    def text(self, text: str) -> None:
        if self._in_text and not self._unseen:
            self._pieces.append(settle(text))

    def _start_table(self, name: str) -> None:
        if name == "tc":
            self._flow.next_cell()
        else:
            self._in_table = True
            self._flow.break_at(Break.PARAGRAPH if name == "tbl" else Break.LINE)

    def _start_inside(self, name: str) -> None:
        if name == "p":
            self._pieces = []
        elif name == "t":
            self._in_text = True
        elif name == "br":
            self._pieces.append("\n")

    def _write(self, words: str) -> None:
        self._pieces = []
        is_wanted = self._place == self._only if self._only else self._place not in _REPEATED
        if self.is_hidden or not is_wanted or not words:
            return
        if self._in_table:
            self._flow.add(words)
            self._flow.space()
            return
        is_title = self._place in _TITLES
        if is_title:
            self._flow.open_heading(1)
        self._flow.add_literal(" ".join(words.split()) if is_title else words)
        self._flow.close_heading()
        self._flow.break_at(Break.PARAGRAPH)
