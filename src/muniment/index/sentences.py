"""Where sentences begin and end, by rules alone: marks, abbreviations, initials and line breaks.

Every pattern starts at one fixed place of a run and never steps back, so that hostile text (a
million dots, a line of fifty megabytes) takes time in proportion to its length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Written as escapes, because several of them look like other characters.
_CLOSERS = "\"'\u201d\u2019\u00bb)\\]"
_WIDE_MARKS = "\u3002\uff01\uff1f\uff61"
_WIDE_CLOSERS = "\u300d\u300f\u201d\u2019\uff09\u3011"
_BULLETS = "-*+\u2022\u2023\u25e6\u25aa\u2013|"
_QUOTES = "([\"'\u201c\u2018\u00ab"

_BREAK = re.compile(
    rf"(?P<wide>[{_WIDE_MARKS}]+[{_WIDE_CLOSERS}]*)"
    rf"|(?<![.!?\u2026])(?P<mark>[.!?\u2026]++[{_CLOSERS}]*+)(?=\s)"
    r"|(?P<line>\n\s*)"
)
_LIST_ITEM = re.compile(rf"[{re.escape(_BULLETS)}]|\d{{1,3}}[.)]\s|[a-zA-Z][.)]\s")
_ENUMERATION = re.compile(r"\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)]+")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_LOOK_BACK = 24

_SHORTENED = (
    "adm al approx apr aug bzgl bzw ca capt cf col dec dept dipl dr dra drs ed eds eg esp est "
    "evtl excl feb fr gen ggf gov hon hr hrn hrsg ie inkl jan jul jun lt maj mar mlle mme mr mrs "
    "ms mt nov oct prof rep rev sen sep sept sgt sog sra st str u.a univ v vgl viz vs z.b e.g "
    "i.e d.h z.t s.o s.u o.ä m.e p.ex"
)
_ABBREVIATIONS = frozenset(_SHORTENED.split())
_NUMBERED = (
    "abb abs art bd ch chap cap cl eq exp fig figs kap no nos nr num p par pp ref s sec sect tab "
    "vol"
)
_BEFORE_NUMBERS = frozenset(_NUMBERED.split())
_STARTERS = (
    "a an as at but for he her his however i if in it its no on she so the these they this those "
    "we when"
)
_OPENERS = frozenset(_STARTERS.split())
_ORDINAL = re.compile(r"\d{1,3}\.")
_DECLINED = "beim dem den der des im ins seit vom zum zur"
_BEFORE_ORDINALS = frozenset(_DECLINED.split())
_COUNTED = (
    "januar jänner februar märz mai juni juli oktober dezember "
    "jahrhundert jahrhunderts jahrtausend jahrtausends weltkrieg weltkriegs auflage ausgabe"
)
_AFTER_ORDINALS = frozenset(_COUNTED.split())
"""German writes 'am 3. Oktober': articles before a number, and what is counted so without one.
Words that are English as well are left out: 'It was 42. August rains came later.'"""


@dataclass(frozen=True, slots=True)
class _Lines:
    """How long the lines of a text are: a line much shorter than the longest ends something."""

    start: int
    """Where the text begins."""
    longest: int

    def is_short(self, length: int) -> bool:
        """Tell whether a line was ended on purpose and not by the width of a page."""
        return 2 * length < self.longest


def sentence_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the sentences of `text[start:end]` as stripped spans; only white space lies between."""
    lines = _Lines(start, max(map(len, text[start:end].split("\n")), default=0))
    begin = start
    for found in _BREAK.finditer(text, start, end):
        cut = found.start() if found.lastgroup == "line" else found.end()
        if cut > begin and _ends_sentence(text, begin, found, end, lines):
            yield from _stripped(text, begin, cut)
            begin = cut
    yield from _stripped(text, begin, end)


def _ends_sentence(text: str, begin: int, found: re.Match[str], end: int, lines: _Lines) -> bool:
    if found.lastgroup == "wide":
        return True
    if found.lastgroup == "line":
        return _line_ends_sentence(text, found, end, lines)
    return _mark_ends_sentence(text, begin, found, end)


def _line_ends_sentence(text: str, found: re.Match[str], end: int, lines: _Lines) -> bool:
    """Tell whether a line break ends a sentence: by what follows, or because it came early."""
    if found.end() >= end or found.group().count("\n") > 1:
        return True
    if _LIST_ITEM.match(text, found.end(), end):
        return True
    # The whole line counts, not what of it belongs to this sentence: one that begins late in a
    # full line goes on in the next.
    line_start = max(text.rfind("\n", lines.start, found.start()) + 1, lines.start)
    return lines.is_short(found.start() - line_start) and not text[found.end()].islower()


def _mark_ends_sentence(text: str, begin: int, found: re.Match[str], end: int) -> bool:
    following = _next_visible(text, found.end(), end)
    if following == end:
        return True
    if found.start() == begin:
        return False
    if text[found.start() - 1].isspace() and len(found.group()) == 1:
        return True
    if text[following].islower():
        return False
    if text[found.start()] != "." or found.group().startswith(".."):
        return True
    return not _is_abbreviation(text, begin, found.start() + 1, following)


def _is_abbreviation(text: str, begin: int, after_dot: int, following: int) -> bool:
    """Tell whether the full stop at `after_dot - 1` belongs to the word before it."""
    stretch = text[max(begin, after_dot - _LOOK_BACK) : after_dot]
    word = stretch.split()[-1].lstrip(_QUOTES)
    if _ENUMERATION.fullmatch(word) and _is_first(text, begin, after_dot - len(word)):
        return True
    bare = word[:-1].casefold()
    if bare in _ABBREVIATIONS:
        return True
    if bare in _BEFORE_NUMBERS and text[following].isdigit():
        return True
    if _ORDINAL.fullmatch(word):
        return _is_ordinal(stretch, text, following)
    if len(word) == len("z.") and word.islower() and _ACRONYM.match(text, following):
        return True
    if not _ACRONYM.fullmatch(word):
        return False
    if len(word) == len("J."):
        return word[0].isupper() and word != "I."
    opener = _FIRST_WORD.match(text, following)
    return opener is None or opener.group().casefold() not in _OPENERS


def _is_ordinal(stretch: str, text: str, following: int) -> bool:
    """Tell whether a number with a full stop, at the end of a stretch, counts what follows."""
    counted = _FIRST_WORD.match(text, following)
    if counted is None:
        return False
    *_, before = ("", *stretch.split()[:-1])
    return before in _BEFORE_ORDINALS or counted.group().casefold() in _AFTER_ORDINALS


def _is_first(text: str, begin: int, place: int) -> bool:
    """Tell whether nothing but a little white space lies before a place."""
    return place - begin < _LOOK_BACK and not text[begin:place].strip()


def _next_visible(text: str, start: int, end: int) -> int:
    place = start
    while place < end and text[place].isspace():
        place += 1
    return place


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give the span without the white space around it, or nothing if nothing is left."""
    piece = text[start:end]
    visible = piece.strip()
    if visible:
        first = start + len(piece) - len(piece.lstrip())
        yield first, first + len(visible)
