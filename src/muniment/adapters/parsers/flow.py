"""Writes running text from blocks and words, and notes where headings come to stand."""

import re
from enum import IntEnum

from muniment.ports.parsing import Heading, ParseError


class Break(IntEnum):
    """What stands between two pieces of text; the stronger one wins."""

    NONE = 0
    CELL = 1
    LINE = 2
    PARAGRAPH = 3


_WHITE_SPACE = re.compile("[ \t\n\f\r]+")
"""What HTML calls white space; a no-break space is a character like others."""
_HELD_BACK = " \t\n\f"
_LONGEST_TEXT = 64 * 2**20
"""What a small file may swell to, where one string of it is written many times."""
_MARKS = {Break.NONE: "", Break.CELL: "\t", Break.LINE: "\n", Break.PARAGRAPH: "\n\n"}


class TextFlow:
    """Collects canonical text whose length is known at every moment, so that offsets are final.

    White space between words is one space, except in literal text. Breaks are written only before
    the next word: the text neither begins nor ends with one.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._break = Break.NONE
        self._space = False
        self._held = ""
        self._headings: list[Heading] = []
        self._level = 0
        self._heading_start: int | None = None
        self._page_starts: list[int] = []
        self._opened_pages = 0

    def add(self, text: str) -> None:
        """Write words of running text, where every run of white space counts as one space."""
        if self._held:
            self.break_at(Break.NONE)
        words = _WHITE_SPACE.sub(" ", text)
        if not words.strip():
            self._space = self._space or bool(words)
            return
        self._write(words.strip(" "), after_space=self._space or words[0] == " ")
        self._space = words[-1] == " "

    def add_literal(self, text: str) -> None:
        """Write text whose white space counts, in one piece or many.

        What is at its end waits for more of it: a program in colours comes as words and spaces
        by turns. Before a break, line ends only separate.
        """
        text = self._held + text
        body = text.rstrip(_HELD_BACK)
        self._held = text[len(body) :]
        if self._break >= Break.LINE or not self._length:
            body = body.lstrip("\n")
        if body:
            self._write(body, after_space=self._space)
            self._space = False

    def break_at(self, strength: Break) -> None:
        """Separate what was written from what comes."""
        if "\n" in self._held:
            strength = max(strength, Break.LINE)
        self._held = ""
        self._break = max(self._break, strength)
        self._space = False

    def space(self) -> None:
        """Keep what comes apart by a space, when nothing stronger does."""
        self._space = True

    def next_cell(self) -> None:
        """Begin another cell of a table: a tab, but none at the start of a row."""
        self.break_at(Break.CELL)

    def open_page(self) -> None:
        """Begin a page: it starts at the next word, so a blank one starts where the next does."""
        self._opened_pages += 1

    def open_heading(self, level: int) -> None:
        """Take what is written from here on as a heading."""
        self.close_heading()
        self._level = level

    def close_heading(self) -> None:
        """End the heading, if one is open and has words."""
        if self._heading_start is not None:
            self._headings.append(Heading(self._heading_start, self._length, self._level))
        self._level, self._heading_start = 0, None

    def page_starts(self) -> tuple[int, ...]:
        """Give where each page starts; blank pages at the end start at the end of the text."""
        return (*self._page_starts, *[self._length] * self._opened_pages)

    def finish(self) -> tuple[str, tuple[Heading, ...]]:
        """Give the text and its headings."""
        self.close_heading()
        return "".join(self._pieces), tuple(self._headings)

    def _write(self, words: str, *, after_space: bool) -> None:
        mark = _MARKS[self._break] or (" " if after_space else "")
        if self._length and mark:
            self._append(mark)
        self._page_starts += [self._length] * self._opened_pages
        self._opened_pages = 0
        if self._level and self._heading_start is None:
            self._heading_start = self._length
        self._append(words)
        self._break = Break.NONE

    def _append(self, piece: str) -> None:
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > _LONGEST_TEXT:
            raise ParseError("too_large", "The document holds too much text; split it.")
