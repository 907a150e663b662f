"""Where the tokens of a long text end, counted once and asked for often."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

LONGEST_TOKEN = 16
"""A stretch of this many characters counts as a token, also where the tokenizer makes one unknown
token of a thousand: so a chunk is bounded in characters too."""

_BLOCK = 20_000


class TokenCounter(Protocol):
    """The part of an embedder that cutting a text needs."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text are read."""
        ...

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, special tokens included."""
        ...

    def token_ends(self, text: str) -> Sequence[int]:
        """Give the end offset of every token."""
        ...


class TokenMap:
    """The tokens of a text by their ends, so that any span can be counted without tokenizing it."""

    def __init__(self, text: str, counter: TokenCounter) -> None:
        self._ends = array("i")
        for start, end in _blocks(text):
            self._append(start, end, counter.token_ends(text[start:end]))

    def count(self, start: int, end: int) -> int:
        """Count the tokens that end within a span."""
        return bisect_right(self._ends, end) - bisect_right(self._ends, start)

    def end_of(self, start: int, tokens: int) -> int:
        """Give the place up to which at most so many tokens fit, but at least one."""
        first = bisect_right(self._ends, start)
        beyond = min(first + tokens, len(self._ends))
        end = self._ends[beyond - 1]
        if beyond < len(self._ends) and self._ends[beyond] == end:
            # Several tokens of one character: all of them or none.
            return self._ends[max(bisect_left(self._ends, end) - 1, first)]
        return end

    def _append(self, start: int, end: int, token_ends: Sequence[int]) -> None:
        for last, token_end in pairwise((0, *token_ends, end - start)):
            filler = range(last + LONGEST_TOKEN, token_end, LONGEST_TOKEN)
            self._ends.extend(start + place for place in filler)
            self._ends.append(start + token_end)
        if token_ends and token_ends[-1] == end - start:
            self._ends.pop()


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text where words end, so that no call of a tokenizer sees more than a block."""
    start = 0
    while start < len(text):
        limit = min(start + _BLOCK, len(text))
        end = limit
        if limit < len(text):
            end = max(text.rfind("\n", start + 1, limit), text.rfind(" ", start + 1, limit))
        end = end if end > start else limit
        yield start, end
        start = end
