from pathlib import Path

import pytest

from muniment.adapters.parsers.rst import RstParser, find_headings
from muniment.ports.parsing import ParseError
from tests.support.growth import grows_in_proportion


def outline(text: str) -> list[tuple[str, int]]:
    return [(text[h.start : h.end], h.level) for h in find_headings(text)]


class TestFindHeadings:
    def test_levels_follow_the_order_of_the_styles(self) -> None:
        text = (
            "=====\nTitle\n=====\n\nIntro\n-----\nwords\n\nDeep\n~~~~\n\nNext\n----\n\n"
            "Over and under differ\n=====================\n"
        )
        assert outline(text) == [
            ("Title", 1),
            ("Intro", 2),
            ("Deep", 3),
            ("Next", 2),
            ("Over and under differ", 4),
        ]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param("Head\n====", [("Head", 1)], id="at-the-end"),
            pytest.param("Ab\n==", [("Ab", 1)], id="short"),
            pytest.param("A long head\n====", [("A long head", 1)], id="short-underline"),
            pytest.param("A long head\n==", [], id="too-short-underline"),
            pytest.param("=======\n Inset\n=======", [("Inset", 1)], id="inset-under-overline"),
            pytest.param("One\n===\nTwo\n---", [("One", 1), ("Two", 2)], id="one-after-the-other"),
            pytest.param("words\nmore words\n==========", [], id="last-line-of-a-paragraph"),
            pytest.param("words::\n\n   Head\n   ====", [], id="inside-literal-block"),
            pytest.param("words\n\n----\n\nwords", [], id="transition"),
            pytest.param("===== ===\nNorth 5\n===== ===", [], id="table"),
            pytest.param("+---+\n| a |\n+---+", [], id="grid"),
            pytest.param("Head\n=-=-", [], id="mixed-marks"),
            pytest.param("漢字\n====", [("漢字", 1)], id="wide-letters"),
            pytest.param("", [], id="nothing"),
        ],
    )
    def test_knows_a_title_from_what_looks_like_one(
        self, text: str, expected: list[tuple[str, int]]
    ) -> None:
        assert outline(text) == expected

    def test_many_marks_are_read_once(self) -> None:
        def read(marks: int) -> None:
            assert outline("=" * marks + "\n" + "-" * marks) == []
            assert outline("=\n" * marks) == []

        assert grows_in_proportion(read, few=40_000)


class TestParse:
    def test_the_source_is_the_text(self, tmp_path: Path) -> None:
        source = "Fees\n====\n\n*Five* marks.\n"
        (tmp_path / "a.rst").write_text(source)
        parsed = RstParser().parse(tmp_path / "a.rst", "any")
        assert (parsed.text, parsed.title) == (source, "Fees")

    def test_an_empty_file_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "a.rst").write_text("\n \n")
        with pytest.raises(ParseError):
            RstParser().parse(tmp_path / "a.rst", "any")
