from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.adapters.parsers.markdown import MarkdownParser, find_headings
from tests.support.growth import grows_in_proportion


def outline(text: str) -> list[tuple[str, int]]:
    return [(text[h.start : h.end], h.level) for h in find_headings(text)]


class TestFindHeadings:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("# One\n\n## Two ##\n", [("One", 1), ("Two", 2)]),
            ("   ### Three #x\n    # code\n\t# code", [("Three #x", 3)]),
            ("#hashtag\n####### seven\n#\n", []),
            ("One\n===\n\nTwo words\n---\n", [("One", 1), ("Two words", 2)]),
            ("para\n\n---\n\nrest", []),
            ("- item\n---\n> quote\n---\n", []),
            ("```\n# code\n```\n# after", [("after", 1)]),
            ("~~~~ sh\n# code\n~~~\n# still\n~~~~\n# after", [("after", 1)]),
            ("```never closed\n# code", []),
            ("\U0001f600\n# \U0001f600 astral \U0001f600", [("\U0001f600 astral \U0001f600", 1)]),
            ("---\ntitle: x\n# comment\n---\n# Body", [("Body", 1)]),
            ("---\nkey: v\n...\n# Body", [("Body", 1)]),
            ("---\n# not closed, so no front matter", [("not closed, so no front matter", 1)]),
            ("text\n---\n# One", [("text", 2), ("One", 1)]),
            ("# a # b ##", [("a # b", 1)]),
            ("# a\\#", [("a\\#", 1)]),
            ("#\ttab", [("tab", 1)]),
            ("###### six", [("six", 6)]),
            ("# ##", []),
            ("1) item\n---\n12345678901. no item\n---", [("12345678901. no item", 2)]),
            ("words\n=-=\n", []),
            ("words\n    ===\n", []),
            ("words\n  ==  \n", [("words", 1)]),
            ("# heading\n---\n", [("heading", 1)]),
            ("``` not ` a fence\n# heading", [("heading", 1)]),
            ("~~~ may ` hold one\n# code", []),
            ("```\n~~~\n# code\n```\n# after", [("after", 1)]),
            ("```\n``` sh\n# code\n````\n# after", [("after", 1)]),
            ("    ```\n# no fence", [("no fence", 1)]),
            ("# wide\u3000", [("wide", 1)]),
        ],
    )
    def test_finds_atx_and_setext_outside_of_code(
        self, source: str, expected: list[tuple[str, int]]
    ) -> None:
        assert outline(source) == expected

    @given(st.text(alphabet="#=-~` \tab\n\U0001f600.1>*"))
    def test_every_heading_lies_on_one_line_of_the_text(self, text: str) -> None:
        for heading in find_headings(text):
            words = text[heading.start : heading.end]
            assert words
            assert words == words.strip()
            assert "\n" not in words

    @pytest.mark.parametrize("unit", ["#", "# a\n", "=", "a\n=\n", "`", "```\n", " ", "a "])
    def test_takes_time_in_proportion_to_its_length(self, unit: str) -> None:
        assert grows_in_proportion(lambda units: find_headings(unit * units), few=25_000)


class TestMarkdownParser:
    @pytest.mark.parametrize(
        ("source", "title"),
        [
            ("---\ntitle: 'The charter'\n---\n# Other", "The charter"),
            ("## Sub\n\n# First\n", "First"),
            ("---\nno end of front matter\n", None),
            ("only words", None),
            ('---\ntitle: "Quoted: so"\n---\n', "Quoted: so"),
            ("---\ntitle:\n---\n# First", "First"),
            ("---\nsubtitle: no\n---\nwords", None),
            ("words\n---\ntitle: no\n---\n", None),
        ],
    )
    def test_takes_the_title_from_front_matter_or_first_heading(
        self, tmp_path: Path, source: str, title: str | None
    ) -> None:
        path = tmp_path / "a.md"
        path.write_text(source)
        assert MarkdownParser().parse(path, "text/markdown").title == title

    def test_keeps_the_source_as_text(self, tmp_path: Path) -> None:
        path = tmp_path / "a.md"
        path.write_bytes(b"# *One*\r\n\r\n[link](http://x) & <b>bold</b>\r\n")
        parsed = MarkdownParser().parse(path, "text/markdown")
        assert parsed.text == "# *One*\n\n[link](http://x) & <b>bold</b>\n"
