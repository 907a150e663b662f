"""Headings as paths, and the line that tells the embedder under which of them a chunk stands."""

from bisect import bisect_right
from collections.abc import Sequence

from muniment.index.tokens import TokenCounter
from muniment.ports.parsing import Heading

_LONGEST_NAME = 200
_PREFIX_SHARE = 4
_SEPARATOR = " > "


class Sections:
    """The path of headings in force at every place of a text."""

    def __init__(self, text: str, headings: Sequence[Heading]) -> None:
        self._starts = [heading.start for heading in headings]
        self._paths: list[tuple[str, ...]] = []
        open_sections: list[tuple[int, str]] = []
        for heading in headings:
            while open_sections and open_sections[-1][0] >= heading.level:
                open_sections.pop()
            name = _name(text[heading.start : heading.end])
            if name:
                open_sections.append((heading.level, name))
            self._paths.append(tuple(name for _, name in open_sections))

    def path_at(self, place: int) -> tuple[str, ...]:
        """Give the path of the section in which a place lies; a heading belongs to its own."""
        index = bisect_right(self._starts, place)
        return self._paths[index - 1] if index else ()


def prefix_for(title: str | None, headings: Sequence[str], counter: TokenCounter) -> str:
    """Make the line that stands before a chunk when it is embedded, but not in its text.

    It takes at most a quarter of what the embedder reads: the outer headings give way first,
    then the end of the line.
    """
    limit = counter.max_tokens // _PREFIX_SHARE
    parts = [_name(part) for part in (title or "", *headings)]
    if len(parts) > 1 and parts[0].casefold() == parts[1].casefold():
        del parts[0]
    parts = [part for part in parts if part]
    while len(parts) > len(("title", "section")) and _is_long(parts, counter, limit):
        del parts[1]
    return _shortened(_SEPARATOR.join(parts), counter, limit)


def _is_long(parts: Sequence[str], counter: TokenCounter, limit: int) -> bool:
    return counter.count_tokens(_SEPARATOR.join(parts)) > limit


def _shortened(line: str, counter: TokenCounter, limit: int) -> str:
    while (tokens := counter.count_tokens(line)) > limit and line:
        line = line[: len(line) * limit // tokens].rstrip()
    return f"{line}\n" if line else ""


def _name(heading: str) -> str:
    return " ".join(heading.split()).strip("# ")[:_LONGEST_NAME].rstrip()
