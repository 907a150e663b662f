"""Rows of a table as lines that can be read alone: each value with the name of its column.

`Name: Alice; City: Berlin`. A row is a paragraph, so it is cut from the text and quoted as one.
Whether the first row names the columns is nowhere written in a sheet, and a wrong name makes a
false statement out of a true value. So a row counts as names only where all signs say so; where
they do not, the values stand without names.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.ports.parsing import ParseError

Row = Mapping[int, str]
"""The filled cells of a row by the number of their column, in order."""

_LOOK_AHEAD = 20
_LONGEST_ROW = 2**22
_LONGEST_NAME = 120
_NUMBER = re.compile(r"[^a-zA-Z]*\d[^a-zA-Z]*|\d+(\.\d+)?[eE][+-]?\d+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NEVER_NAMES = re.compile(r"true|false|yes|no|n/a|null|-+|[^@\s]+@[^@\s]+|\w+://.*", re.IGNORECASE)


class RowWriter:
    """Writes the rows of one table or sheet into a text flow, its heading before the first."""

    def __init__(self, flow: TextFlow, heading: str = "") -> None:
        self._flow = flow
        self._heading = heading
        self.rows = 0
        self._waiting: list[Row] = []
        self._waiting_length = 0
        self._names: dict[int, str] = {}
        self._is_decided = False
        self._is_first_block = True

    def write(self, cells: Mapping[int, str]) -> None:
        """Write a row; one without a filled cell ends a block, which may be a table of its own."""
        length = sum(map(len, cells.values()))
        if length > _LONGEST_ROW:
            raise ParseError(
                "too_large", "A row of the table holds more than four million characters; split it."
            )
        row = {column: words for column, cell in cells.items() if (words := " ".join(cell.split()))}
        if not row:
            self.end_block()
        elif self._is_decided:
            self._write_row(row)
        else:
            self._waiting.append(row)
            self._waiting_length += length
            if len(self._waiting) == _LOOK_AHEAD or self._waiting_length > _LONGEST_ROW:
                self._decide()

    def end_block(self) -> None:
        """Write what waits; the rows that come may have names of their own."""
        if self._waiting:
            self._decide()
        if self._is_decided:
            self._is_first_block = False
        self._is_decided = False

    def finish(self) -> None:
        """Write what waits."""
        self.end_block()

    def _decide(self) -> None:
        """Find the names of the block's columns, then write the rows seen so far."""
        rows, self._waiting, self._waiting_length = self._waiting, [], 0
        at = next((i for i, row in enumerate(rows) if _is_wide(row, rows)), 0)
        candidate, below = rows[at], rows[at + 1 :]
        are_names = len(candidate) > 1 and bool(below) and _are_names(candidate)
        is_head = are_names and (self._is_first_block or any(map(_has_number, below)))
        if is_head:
            for row in rows[: at + 1]:
                self._write_plain(row)
            self._names = dict(candidate)
            rows = below
        elif are_names or any(row.keys() - self._names.keys() for row in rows):
            self._names = {}
        self._is_decided = True
        for row in rows:
            self._write_row(row)

    def _write_row(self, row: Row) -> None:
        names = self._names
        # Lone words are as likely a remark on the table as a value of it.
        if not names or (len(row) == 1 and not _has_number(row)):
            self._write_plain(row)
            return
        pairs = (
            f"{names[column]}: {words}" if column in names else words
            for column, words in row.items()
        )
        self._write_line("; ".join(pairs))

    def _write_plain(self, row: Row) -> None:
        self._write_line("; ".join(row.values()))

    def _write_line(self, line: str) -> None:
        if self._heading and not self.rows:
            self._flow.break_at(Break.PARAGRAPH)
            self._flow.open_heading(1)
            self._flow.add_literal(self._heading)
            self._flow.close_heading()
            self._flow.break_at(Break.PARAGRAPH)
        self.rows += 1
        self._flow.add_literal(line)
        self._flow.break_at(Break.PARAGRAPH)


def _is_wide(row: Row, rows: Sequence[Row]) -> bool:
    """Tell whether a row is as wide as the widest, or lacks only a name for its first column."""
    widest = max(rows, key=len)
    lacks_first = len(row) == len(widest) - 1 and min(widest) not in row
    return len(row) == len(widest) or lacks_first


def _are_names(row: Row) -> bool:
    """Tell whether all cells could be names of columns: words, or years in their order."""
    years = [int(words) for words in row.values() if _YEAR.fullmatch(words)]
    others = [words for words in row.values() if not _YEAR.fullmatch(words)]
    steps = {abs(after - before) for before, after in pairwise(years)}
    are_years_names = not years or (steps == {1} and bool(others))
    is_unique = len({words.casefold() for words in row.values()}) == len(row)
    return is_unique and are_years_names and all(map(_may_be_name, others))


def _may_be_name(words: str) -> bool:
    return not (
        len(words) > _LONGEST_NAME or _NUMBER.fullmatch(words) or _NEVER_NAMES.fullmatch(words)
    )


def _has_number(row: Row) -> bool:
    return any(_NUMBER.fullmatch(words) for words in row.values())
