import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.index.chunking import ChunkingSettings, ChunkSpan, chunk_text
from muniment.index.sections import prefix_for
from muniment.ports.parsing import Heading
from tests.support.growth import grows_in_proportion

WORD = re.compile(r"\w+|[^\w\s]")
SPECIAL_TOKENS = 2


@dataclass(frozen=True)
class PieceCounter:
    """Counts like WordPiece: words in pieces of four, and a long word as one unknown token."""

    max_tokens: int = 64

    def token_ends(self, text: str) -> Sequence[int]:
        ends: list[int] = []
        for word in WORD.finditer(text):
            if word.end() - word.start() <= 40:
                ends.extend(range(word.start() + 4, word.end(), 4))
            ends.append(word.end())
        return ends

    def count_tokens(self, text: str) -> int:
        return len(self.token_ends(text)) + SPECIAL_TOKENS


COUNTER = PieceCounter()
SETTINGS = ChunkingSettings(target_tokens=48)


def chunk(
    text: str,
    headings: Sequence[Heading] = (),
    page_starts: Sequence[int] = (),
    title: str | None = None,
) -> list[ChunkSpan]:
    return chunk_text(text, headings, page_starts, title, COUNTER, SETTINGS)


def texts_of(text: str, spans: Sequence[ChunkSpan]) -> list[str]:
    return [text[span.start : span.end] for span in spans]


def sentences(count: int, first: int = 0) -> str:
    return " ".join(
        f"Deed {number} lies in box {number}." for number in range(first, first + count)
    )


def heading_of(text: str, name: str, level: int = 1) -> Heading:
    return Heading(text.index(name), text.index(name) + len(name), level)


PARTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["\n\n", "\n", " ", ". ", "Next. ", "e.g. this ", "3.14", "x" * 300, "。", "文書館" * 20,
         " " * 200, "\u200b" * 50, ". " * 40, "- item\n", "word " * 70, "# Head\n", "\x0c"]
    ),
)  # fmt: skip
TEXTS = st.lists(PARTS, max_size=40).map("".join)


@st.composite
def documents(
    draw: st.DrawFn,
) -> tuple[str, list[Heading], list[int], str | None]:
    text = draw(TEXTS)
    places = st.integers(0, len(text))
    cuts = sorted(draw(st.lists(places, max_size=8)))
    headings = [
        Heading(start, end, draw(st.integers(1, 4)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    pages = [0, *sorted(draw(st.lists(places, max_size=5)))] if draw(st.booleans()) else []
    return text, headings, pages, draw(st.none() | st.text(max_size=200))


class TestAnyDocument:
    @settings(max_examples=150, deadline=None)
    @given(documents())
    def test_is_covered_in_order_by_chunks_within_the_limit(
        self, document: tuple[str, list[Heading], list[int], str | None]
    ) -> None:
        text, headings, pages, title = document
        spans = chunk(text, headings, pages, title)
        covered = bytearray(len(text))
        for span in spans:
            piece = text[span.start : span.end]
            assert piece
            assert piece == piece.strip()
            prefix = prefix_for(title, span.headings, COUNTER)
            assert COUNTER.count_tokens(prefix + piece) <= COUNTER.max_tokens
            assert span.page == (sum(start <= span.start for start in pages) or None)
            covered[span.start : span.end] = b"\x01" * len(piece)
        assert [span.start for span in spans] == sorted({span.start for span in spans})
        assert [span.end for span in spans] == sorted({span.end for span in spans})
        assert all(mark or char.isspace() for mark, char in zip(covered, text, strict=True))


class TestShortText:
    @pytest.mark.parametrize("text", ["", "  \n\n ", "\x0c"])
    def test_nothing_visible_gives_nothing(self, text: str) -> None:
        assert chunk(text) == []

    def test_what_fits_stays_whole(self) -> None:
        text = f"{sentences(3)}\n\n{sentences(3)}\n"
        assert texts_of(text, chunk(text)) == [text.strip()]

    def test_the_prefix_counts(self) -> None:
        text = f"{sentences(4)}\n\n{sentences(4)}"
        assert len(chunk(text)) == 1
        assert len(chunk(text, title="The deeds and charters of all the mills of the town")) == 2


class TestParagraphs:
    def test_close_a_chunk_that_is_half_full(self) -> None:
        paragraphs = [sentences(5, first=10 * number) for number in range(3)]
        text = "\n\n".join(paragraphs)
        assert texts_of(text, chunk(text)) == paragraphs

    def test_that_are_short_go_together(self) -> None:
        text = "\n\n".join(sentences(2, first=10 * number) for number in range(6))
        assert len(chunk(text)) == 3

    def test_are_not_cut_when_the_next_chunk_holds_them_whole(self) -> None:
        paragraphs = [sentences(2), sentences(7, first=10), sentences(5, first=30)]
        text = "\n\n".join(paragraphs)
        assert texts_of(text, chunk(text)) == paragraphs

    def test_leave_no_crumb_behind(self) -> None:
        text = f"{sentences(5)}\n\n{sentences(6, first=10)}\n\nThe end."
        assert texts_of(text, chunk(text))[-1].endswith("box 15.\n\nThe end.")

    def test_that_are_cut_overlap_by_whole_sentences(self) -> None:
        text = sentences(30)
        pieces = texts_of(text, chunk(text))
        assert len(pieces) > 3
        for piece, following in pairwise(pieces):
            last = re.findall(r"Deed [^.]*\.", piece)[-1]
            assert following.startswith(last)
            assert following != piece

    def test_without_overlap_repeat_nothing(self) -> None:
        text = sentences(30)
        plain = ChunkingSettings(target_tokens=48, overlap=0)
        pieces = texts_of(text, chunk_text(text, (), (), None, COUNTER, plain))
        assert " ".join(pieces) == text


class TestHeadings:
    def test_give_each_chunk_its_path(self) -> None:
        text = "\n\n".join(
            ["Archive", sentences(5), "Mills", sentences(5, 10), "Watermills", sentences(5, 20),
             "Roads", sentences(5, 30)]
        )  # fmt: skip
        headings = [
            heading_of(text, "Archive"),
            heading_of(text, "Mills", 2),
            heading_of(text, "Watermills", 3),
            heading_of(text, "Roads", 2),
        ]
        assert [span.headings for span in chunk(text, headings)] == [
            ("Archive",),
            ("Archive", "Mills"),
            ("Archive", "Mills", "Watermills"),
            ("Archive", "Roads"),
        ]

    def test_stay_with_the_text_below_them(self) -> None:
        text = "\n\n".join([sentences(5), "Mills", sentences(12, 10)])
        pieces = texts_of(text, chunk(text, [heading_of(text, "Mills")]))
        assert pieces[1].startswith("Mills\n\nDeed 10")

    @pytest.mark.parametrize(
        "places",
        [
            [(0, 7), (3, 5)],
            [(0, 7), (0, 7)],
            [(3, 5), (0, 7)],
            [(0, 30), (5, 40)],
        ],
    )
    def test_that_lie_over_each_other_lose_no_word(self, places: list[tuple[int, int]]) -> None:
        text = f"Archive\n\n{sentences(12)}\n\nMills\n\n{sentences(12, 20)}"
        spans = chunk(text, [Heading(start, end, 1) for start, end in places])
        covered = set[int]().union(*(range(span.start, span.end) for span in spans))
        assert all(place in covered or text[place].isspace() for place in range(len(text)))
        assert [span.start for span in spans] == sorted({span.start for span in spans})


class TestScripts:
    @pytest.mark.parametrize(
        "unit",
        [
            "文書館には証書があります。",
            "يحفظ الأرشيف السجلات والخرائط. ",
            "ארכיון שומר שטרות ומפות. ",
            "หอจดหมายเหตุเก็บโฉนด ",
            "\U0001f469\u200d\U0001f680\U0001f1e9\U0001f1ea ",
            "e\u0301tude a\u0308\u0323 ",
        ],
    )
    def test_are_cut_into_chunks_that_cover_all_of_them(self, unit: str) -> None:
        text = (unit * 200).strip()
        spans = chunk(text)
        assert len(spans) > 1
        seen = 0
        for span in spans:
            assert not text[seen : span.start].strip()
            assert COUNTER.count_tokens(text[span.start : span.end]) <= COUNTER.max_tokens
            seen = max(seen, span.end)
        assert seen == len(text)


class TestPages:
    def test_are_counted_from_one_where_a_chunk_starts(self) -> None:
        paragraphs = [sentences(5, first=10 * number) for number in range(3)]
        text = "\n\n".join(paragraphs)
        starts = [0, text.index(paragraphs[1]) + 5, text.index(paragraphs[2])]
        assert [span.page for span in chunk(text, page_starts=starts)] == [1, 1, 3]
        assert [span.page for span in chunk(text)] == [None, None, None]


class TestHostileText:
    @pytest.mark.parametrize(
        "unit", ["x", "x ", ".", ". ", "a. ", "\n", "文", "word\n", "|", " \u200b", "No. 5. "]
    )
    def test_takes_time_in_proportion_to_its_length(self, unit: str) -> None:
        def cut(length: int) -> None:
            for span in chunk(unit * (length // len(unit))):
                assert span.end - span.start <= 16 * COUNTER.max_tokens

        assert grows_in_proportion(cut, few=25_000)
