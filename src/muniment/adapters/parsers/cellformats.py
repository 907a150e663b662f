"""What a number in a sheet looks like to a reader: a date, a time, a share of a hundred, a number.

A spreadsheet stores all of them as numbers; only the number format of the cell tells them apart
(ECMA-376 part 1, 18.8.30). Everything else of a format (currency, digits, colours) is left aside:
the number itself is written, with the fifteen digits that spreadsheets keep.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, auto

from typing_extensions import override

from muniment.adapters.parsers.xmlpart import XmlHandler


class CellFormat(Enum):
    """How the number of a cell is meant."""

    NUMBER = auto()
    DATE = auto()
    TIME = auto()
    MOMENT = auto()
    ELAPSED = auto()
    PERCENT = auto()


_BUILT_IN = {
    **dict.fromkeys((9, 10), CellFormat.PERCENT),
    **dict.fromkeys((*range(14, 18), *range(27, 32), 36, *range(50, 59)), CellFormat.DATE),
    **dict.fromkeys((*range(18, 22), *range(32, 36), 45, 47), CellFormat.TIME),
    22: CellFormat.MOMENT,
    46: CellFormat.ELAPSED,
}
_SAID_LITERALLY = re.compile(r'"[^"]*"|\\.|_.|\*.')
_IN_BRACKETS = re.compile(r"\[[^\]]*\]")
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet knows no time zones
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY = 2_958_466
_FIRST_TRUE_DAY = 61
"""Below, the system of 1900 counts a 29th of February that never was."""


class StylesReader(XmlHandler):
    """Learns the format of each cell style."""

    wanted = frozenset({"numFmt", "cellXfs", "xf"})

    def __init__(self) -> None:
        self._own: dict[str, CellFormat] = {}
        self._in_cell_styles = False
        self.formats: list[CellFormat] = []

    @override
    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        number = attributes.get("numFmtId", "")
        if name == "numFmt":
            self._own[number] = format_of_code(attributes.get("formatCode", ""))
        elif name == "cellXfs":
            self._in_cell_styles = True
        elif self._in_cell_styles:
            built_in = _BUILT_IN.get(int(number), CellFormat.NUMBER) if number.isdecimal() else None
            self.formats.append(self._own.get(number, built_in or CellFormat.NUMBER))

    @override
    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._in_cell_styles = False


def format_of_code(code: str) -> CellFormat:
    """Tell how numbers are meant under a format code such as `dd.mm.yyyy` or `0.0%`."""
    code = _SAID_LITERALLY.sub("", code.partition(";")[0])
    if _ELAPSED.search(code):
        return CellFormat.ELAPSED
    letters = set(_IN_BRACKETS.sub("", code).lower())
    if "general" in code.lower():
        return CellFormat.NUMBER
    has_time = bool(letters & {"h", "s"})
    has_date = bool(letters & {"y", "d"}) or ("m" in letters and not has_time)
    if has_date:
        return CellFormat.MOMENT if has_time else CellFormat.DATE
    if has_time:
        return CellFormat.TIME
    return CellFormat.PERCENT if "%" in letters else CellFormat.NUMBER


def show(number: str, meant: CellFormat, *, counts_from_1904: bool = False) -> str:
    """Write a stored number the way a reader sees it."""
    try:
        value = float(number)
    except ValueError:
        return number
    if meant is CellFormat.PERCENT:
        return f"{value * 100:.15g}%"
    if meant is CellFormat.ELAPSED and 0 <= value < _LAST_DAY:
        return _elapsed(value)
    first = 0 if counts_from_1904 or meant is CellFormat.TIME else _FIRST_TRUE_DAY
    if meant is CellFormat.NUMBER or not first <= value < _LAST_DAY - 1462:
        return number if number.lstrip("-").isdecimal() else f"{value:.15g}"
    epoch = _EPOCH_1904 if counts_from_1904 else _EPOCH_1900
    return _moment(epoch + timedelta(seconds=round(value * 86_400)), meant)


def _elapsed(days: float) -> str:
    minutes, seconds = divmod(round(days * 86_400), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _moment(moment: datetime, meant: CellFormat) -> str:
    time = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    if meant is CellFormat.TIME:
        return time
    date = moment.date().isoformat()
    has_time = meant is CellFormat.MOMENT or bool(moment.hour or moment.minute or moment.second)
    return f"{date} {time}" if has_time else date
