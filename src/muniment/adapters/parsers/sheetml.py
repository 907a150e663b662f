"""What the XML parts of a spreadsheet mean (ECMA-376 part 1, SpreadsheetML)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from typing_extensions import override

from muniment.adapters.parsers.canonical import settle
from muniment.adapters.parsers.cellformats import CellFormat, show
from muniment.adapters.parsers.xmlpart import XmlHandler

_Attributes = Mapping[str, str]
_Entry = TypeVar("_Entry")

_REFERENCE = re.compile(r"([A-Z]{1,3})[1-9]\d*")
_LETTERS = 26
_LONGEST_INDEX = 10
_HIDDEN = frozenset({"hidden", "veryHidden"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as the workbook lists it."""

    name: str
    relationship: str
    is_hidden: bool


class WorkbookReader(XmlHandler):
    """Lists the sheets in the order of their tabs."""

    wanted = frozenset({"sheet", "workbookPr"})

    def __init__(self) -> None:
        self.sheets: list[Sheet] = []
        self.counts_from_1904 = False

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        if name == "workbookPr":
            self.counts_from_1904 = attributes.get("date1904") in {"1", "true"}
            return
        words = " ".join(settle(attributes.get("name", "")).split())
        is_hidden = attributes.get("state") in _HIDDEN
        self.sheets.append(Sheet(words, attributes.get("r:id", ""), is_hidden))


class SharedStringsReader(XmlHandler):
    """Reads the table of strings, which cells name by number; without the reading aids of kanji."""

    wanted = frozenset({"si", "t", "rPh"})

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._pieces: list[str] = []
        self._in_text = False
        self._is_aid = False

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        if name == "si":
            self._pieces = []
        elif name == "rPh":
            self._is_aid = True
        else:
            self._in_text = not self._is_aid

    @override
    def end(self, name: str) -> None:
        if name == "si":
            self.strings.append(settle("".join(self._pieces)))
        elif name == "rPh":
            self._is_aid = False
        else:
            self._in_text = False

    @override
    def text(self, text: str) -> None:
        if self._in_text:
            self._pieces.append(text)


@dataclass(frozen=True, slots=True)
class CellValues:
    """What is needed to tell from a stored value what a reader sees."""

    strings: Sequence[str]
    formats: Sequence[CellFormat]
    counts_from_1904: bool

    def visible(self, kind: str, value: str, style: str) -> str:
        """Give the words of a cell."""
        if kind == "s":
            return _at(self.strings, value, "")
        if kind == "b":
            return "TRUE" if value.strip() == "1" else "FALSE"
        if kind in {"str", "inlineStr", "e", "d"}:
            return settle(value)
        meant = _at(self.formats, style, CellFormat.NUMBER)
        return show(value.strip(), meant, counts_from_1904=self.counts_from_1904)


class SheetReader(XmlHandler):
    """Gives the rows of a sheet one after the other, and an empty one for a gap."""

    wanted = frozenset({"row", "c", "v", "t", "rPh"})

    def __init__(self, values: CellValues, write: Callable[[Mapping[int, str]], None]) -> None:
        self._values = values
        self._write = write
        self._row: dict[int, str] = {}
        self._number = 0
        self._column = 0
        self._cell: _Attributes = {}
        self._pieces: list[str] = []
        self._in_value = False
        self._is_aid = False

    @override
    def start(self, name: str, attributes: _Attributes) -> None:
        if name == "row":
            self._start_row(attributes.get("r", ""))
        elif name == "c":
            found = _REFERENCE.fullmatch(attributes.get("r", ""))
            self._column = _column(found[1]) if found else self._column + 1
            self._cell, self._pieces = attributes, []
        elif name == "rPh":
            self._is_aid = True
        else:
            self._in_value = not self._is_aid

    @override
    def end(self, name: str) -> None:
        if name == "row":
            self._write(dict(sorted(self._row.items())))
        elif name == "c":
            if self._pieces:
                kind, style = self._cell.get("t", "n"), self._cell.get("s", "")
                self._row[self._column] = self._values.visible(kind, "".join(self._pieces), style)
        elif name == "rPh":
            self._is_aid = False
        else:
            self._in_value = False

    @override
    def text(self, text: str) -> None:
        if self._in_value:
            self._pieces.append(text)

    def _start_row(self, reference: str) -> None:
        number = int(reference) if reference.isdecimal() else self._number + 1
        if number > self._number + 1:
            self._write({})
        self._number, self._column, self._row = number, 0, {}


def _at(found: Sequence[_Entry], number: str, otherwise: _Entry) -> _Entry:
    place = number.strip()
    is_there = place.isdecimal() and len(place) < _LONGEST_INDEX and int(place) < len(found)
    return found[int(place)] if is_there else otherwise


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * _LETTERS + ord(letter) - ord("A") + 1
    return number
