import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.ports.parsing import Heading

PIECES = st.lists(st.text(alphabet="ab \n\t\u00a0", max_size=6), max_size=8)


def text_of(flow: TextFlow) -> str:
    return flow.finish()[0]


class TestBreaks:
    def test_the_stronger_one_wins_and_none_stands_at_the_ends(self) -> None:
        flow = TextFlow()
        flow.break_at(Break.PARAGRAPH)
        flow.add(" a ")
        flow.break_at(Break.PARAGRAPH)
        flow.break_at(Break.LINE)
        flow.add("b")
        flow.break_at(Break.LINE)
        assert flow.finish() == ("a\n\nb", ())

    @pytest.mark.parametrize(
        ("strength", "between"),
        [
            (Break.NONE, " "),
            (Break.CELL, "\t"),
            (Break.LINE, "\n"),
            (Break.PARAGRAPH, "\n\n"),
        ],
    )
    def test_take_the_place_of_a_space(self, strength: Break, between: str) -> None:
        flow = TextFlow()
        flow.add("a")
        flow.break_at(strength)
        flow.space()
        flow.add(" b")
        assert text_of(flow) == f"a{between}b"

    def test_empty_cells_leave_one_tab(self) -> None:
        flow = TextFlow()
        flow.add("a")
        for _ in range(3):
            flow.next_cell()
        flow.add("b")
        assert text_of(flow) == "a\tb"


class TestRunningText:
    @given(PIECES)
    def test_is_the_same_in_pieces_and_as_a_whole(self, pieces: list[str]) -> None:
        flow, whole = TextFlow(), TextFlow()
        for piece in pieces:
            flow.add(piece)
        whole.add("".join(pieces))
        spaces_as_one = {ord(sign): " " for sign in "\u00a0"}
        found, expected = text_of(flow), text_of(whole)
        assert found.translate(spaces_as_one).split() == expected.translate(spaces_as_one).split()
        assert "  " not in found
        assert found == found.strip(" \n\t")


class TestLiteralText:
    @given(PIECES)
    def test_is_the_same_in_pieces_and_as_a_whole(self, pieces: list[str]) -> None:
        flow, whole = TextFlow(), TextFlow()
        for piece in pieces:
            flow.add_literal(piece)
        whole.add_literal("".join(pieces))
        assert text_of(flow) == text_of(whole)

    def test_keeps_white_space_inside_and_none_at_the_end(self) -> None:
        flow = TextFlow()
        flow.add_literal("\n  a\t b\n\n  c  \n\n")
        flow.break_at(Break.LINE)
        flow.add_literal("\n d")
        assert text_of(flow) == "  a\t b\n\n  c\n d"

    def test_that_ends_a_line_keeps_running_text_off_it(self) -> None:
        flow = TextFlow()
        flow.add_literal("a\n")
        flow.add("b")
        assert text_of(flow) == "a\nb"


class TestHeadingsAndPages:
    def test_start_at_words(self) -> None:
        flow = TextFlow()
        flow.open_page()
        flow.add("\U0001f600")
        flow.break_at(Break.PARAGRAPH)
        flow.open_page()
        flow.open_page()
        flow.open_heading(2)
        flow.add(" Title ")
        flow.close_heading()
        flow.open_page()
        assert flow.finish() == ("\U0001f600\n\nTitle", (Heading(3, 8, 2),))
        assert flow.page_starts() == (0, 3, 3, 8)

    def test_a_heading_without_words_is_none_and_one_left_open_ends_at_the_next(self) -> None:
        flow = TextFlow()
        flow.open_heading(1)
        flow.close_heading()
        flow.add("a")
        flow.close_heading()
        flow.break_at(Break.LINE)
        flow.open_heading(1)
        flow.add("b")
        flow.break_at(Break.LINE)
        flow.open_heading(3)
        flow.add("c")
        assert flow.finish() == ("a\nb\nc", (Heading(2, 3, 1), Heading(4, 5, 3)))
