"""Cut a canonical text into chunks that the embedder can read whole.

A text that fits is one chunk. A longer one is cut at the ends of paragraphs once a chunk is half
full, and within a paragraph only where it does not fit: then at the end of a sentence, and the next
chunk repeats the last sentences. Chunks beyond what the embedder reads made hybrid search worse
than words alone, and cutting short texts made it worse too; hence the rules.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from muniment.index.sections import Sections, prefix_for
from muniment.index.sentences import sentence_spans
from muniment.index.tokens import TokenCounter, TokenMap
from muniment.ports.parsing import Heading

# Possessive, so that a long run of blanks is read once.
_BLANK_LINE = re.compile(r"\n[^\S\n]*+\n\s*+")
_WHOLE_WORD_SHARE = 0.75


class ChunkingSettings(BaseModel):
    """How long chunks are. What the embedder reads is a limit above all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_tokens: int = Field(
        default=200, ge=16, le=4000, description="Length that a chunk of a cut paragraph aims at."
    )
    overlap: float = Field(
        default=0.2,
        ge=0.0,
        le=0.5,
        description="Share of the target that whole sentences of the chunk before may repeat.",
    )


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A slice of a text, in code points, without white space at its ends."""

    start: int
    end: int
    page: int | None
    """The page on which it starts, counted from one; None where there are no pages."""
    headings: tuple[str, ...]
    """The headings in force where it starts, outermost first."""


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph or a heading."""

    start: int
    end: int
    is_heading: bool


def chunk_text(
    text: str,
    headings: Sequence[Heading],
    page_starts: Sequence[int],
    title: str | None,
    counter: TokenCounter,
    settings: ChunkingSettings,
) -> list[ChunkSpan]:
    """Cut a text into chunks: in order, all of its visible characters covered. Blocks, so thread.

    Takes time in proportion to the length of the text, whatever is in it.
    """
    ordered = sorted(headings, key=lambda heading: heading.start)
    sections = Sections(text, ordered)
    packer = _Packer(text, title, sections, counter, settings)
    return [
        ChunkSpan(start, end, _page(page_starts, start), sections.path_at(start))
        for start, end in packer.pack(_blocks(text, ordered))
    ]


def _page(page_starts: Sequence[int], place: int) -> int | None:
    return max(bisect_right(page_starts, place), 1) if page_starts else None


def _blocks(text: str, headings: Sequence[Heading]) -> Iterator[_Block]:
    place = 0
    for heading in headings:
        if heading.start < place:
            continue
        yield from _paragraphs(text, place, heading.start)
        yield from _block(text, heading.start, heading.end, is_heading=True)
        place = heading.end
    yield from _paragraphs(text, place, len(text))


def _paragraphs(text: str, start: int, end: int) -> Iterator[_Block]:
    begin = start
    for gap in _BLANK_LINE.finditer(text, start, end):
        yield from _block(text, begin, gap.start(), is_heading=False)
        begin = gap.end()
    yield from _block(text, begin, end, is_heading=False)


def _block(text: str, start: int, end: int, *, is_heading: bool) -> Iterator[_Block]:
    piece = text[start:end]
    visible = piece.strip()
    if visible:
        first = start + len(piece) - len(piece.lstrip())
        yield _Block(first, first + len(visible), is_heading)


class _Packer:
    """Fills one chunk after the other; `_start` and `_end` bound the one that is open."""

    def __init__(
        self,
        text: str,
        title: str | None,
        sections: Sections,
        counter: TokenCounter,
        settings: ChunkingSettings,
    ) -> None:
        self._text = text
        self._title = title
        self._sections = sections
        self._counter = counter
        self._settings = settings
        self._tokens = TokenMap(text, counter)
        self._budgets: dict[tuple[str, ...], int] = {}
        self._chunks: list[tuple[int, int]] = []
        self._start = self._end = 0
        self._has_body = False
        """Whether the open chunk holds more than headings, which never stand alone."""

    def pack(self, blocks: Iterator[_Block]) -> list[tuple[int, int]]:
        """Pack blocks in order and give the chunks."""
        visible_end = len(self._text.rstrip())
        for block in blocks:
            if self._is_open and self._prefers_new_chunk(block):
                self._close()
            if self._count_if_extended(block.start, block.end) <= self._budget(block.start):
                self._extend(block.start, block.end, is_body=not block.is_heading)
            else:
                self._fill(block)
            if self._has_body and self._is_full_enough(visible_end):
                self._close()
        self._close()
        return self._chunks

    @property
    def _is_open(self) -> bool:
        return self._end > self._start

    @property
    def _filled(self) -> int:
        return self._tokens.count(self._start, self._end)

    def _target(self) -> int:
        return self._target_at(self._start)

    def _target_at(self, place: int) -> int:
        return min(self._settings.target_tokens, self._budget(place))

    def _budget(self, place: int) -> int:
        """Give how many tokens fit beside the prefix into the chunk that is open or starts here."""
        path = self._sections.path_at(self._start if self._is_open else place)
        if path not in self._budgets:
            prefix = prefix_for(self._title, path, self._counter)
            # Where prefix and text meet, both together may count a token more than each by itself.
            seam = 1 if prefix else 0
            taken = self._counter.count_tokens(prefix) + seam
            self._budgets[path] = self._counter.max_tokens - taken
        return self._budgets[path]

    def _count_if_extended(self, start: int, end: int) -> int:
        return self._tokens.count(self._start if self._is_open else start, end)

    def _prefers_new_chunk(self, block: _Block) -> bool:
        """Tell whether a paragraph would be cut here, but fits whole into the next chunk."""
        return (
            self._has_body
            and self._count_if_extended(block.start, block.end) > self._budget(block.start)
            and self._tokens.count(block.start, block.end) <= self._budget(block.start)
            and 4 * self._filled >= self._target()
        )

    def _is_full_enough(self, visible_end: int) -> bool:
        """Tell whether to close at this paragraph's end: half full, and no crumb left behind."""
        rest = self._tokens.count(self._end, visible_end)
        fits = self._filled + rest <= self._budget(self._start)
        is_whole_text = not self._chunks and fits
        is_crumb = 4 * rest < self._target() and fits
        return 2 * self._filled >= self._target() and not (is_whole_text or is_crumb)

    def _fill(self, block: _Block) -> None:
        """Add a block that does not fit, sentence by sentence."""
        firsts: list[int] = []
        for start, end in sentence_spans(self._text, block.start, block.end):
            if self._count_if_extended(start, block.end) <= self._budget(start):
                self._extend(start, block.end, is_body=True)
                break
            if self._has_body and self._count_if_extended(start, end) > self._target():
                firsts = self._close_within(firsts, end)
            if self._count_if_extended(start, end) <= self._budget(start):
                self._extend(start, end, is_body=True)
                firsts.append(start)
            else:
                self._split(start, end)
                firsts = []

    def _close_within(self, firsts: Sequence[int], next_end: int) -> list[int]:
        """Close in the middle of a paragraph; the next chunk repeats the last sentences."""
        end = self._end
        limit = int(self._settings.overlap * self._target())
        target = self._target()
        self._close()
        repeated = [
            first
            for first in firsts
            if self._tokens.count(first, end) <= limit
            and self._tokens.count(first, next_end) <= target
        ]
        if repeated:
            self._start, self._end, self._has_body = repeated[0], end, True
        return repeated

    def _split(self, start: int, end: int) -> None:
        """Cut a sentence that is longer than a chunk, between words where there are any."""
        if self._has_body:
            self._close()
        begin = self._start if self._is_open else start
        while self._is_too_long(begin, end):
            cut = self._cut(begin, end)
            self._start, self._end = begin, cut
            self._close()
            begin = cut
            while self._text[begin].isspace():
                begin += 1
        self._start, self._end, self._has_body = begin, end, True
        if self._is_inside_word(begin):
            self._close()

    def _cut(self, begin: int, end: int) -> int:
        """Find where to end a chunk that begins here, if possible after a word."""
        target = self._target_at(begin)
        cut = min(self._tokens.end_of(begin, target), end)
        earliest = begin + int((cut - begin) * _WHOLE_WORD_SHARE)
        space = max(self._text.rfind(" ", earliest, cut), self._text.rfind("\n", earliest, cut))
        cut = space if space > begin else cut
        if self._is_inside_word(begin) or self._is_inside_word(cut):
            # A part of a word may have more tokens than all of it: an unknown word has one.
            while (tokens := self._count_alone(begin, cut)) > target:
                cut = begin + max((cut - begin) * target // tokens, 1)
        return cut

    def _is_too_long(self, begin: int, end: int) -> bool:
        budget = self._budget(begin)
        if self._tokens.count(begin, end) > budget:
            return True
        return self._is_inside_word(begin) and self._count_alone(begin, end) > budget

    def _is_inside_word(self, place: int) -> bool:
        around = self._text[max(place - 1, 0) : place + 1]
        return len(around) == len("ab") and around.isalnum()

    def _count_alone(self, start: int, end: int) -> int:
        return len(self._counter.token_ends(self._text[start:end]))

    def _extend(self, start: int, end: int, *, is_body: bool) -> None:
        if not self._is_open:
            self._start = start
        self._end = end
        self._has_body |= is_body

    def _close(self) -> None:
        if self._is_open:
            visible = self._text[self._start : self._end].rstrip()
            self._chunks.append((self._start, self._start + len(visible)))
        self._start = self._end
        self._has_body = False
