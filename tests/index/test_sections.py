from muniment.index.sections import Sections, prefix_for
from muniment.ports.parsing import Heading
from tests.index.test_chunking import PieceCounter

COUNTER = PieceCounter(max_tokens=64)


class TestSections:
    def test_a_deeper_level_adds_and_a_higher_one_replaces(self) -> None:
        text = "# A\n## B\n### C\n## D\n# E\n"
        headings = [
            Heading(place, place + len(line), line.count("#"))
            for line in text.split("\n")[:-1]
            for place in [text.index(line)]
        ]
        sections = Sections(text, headings)
        paths = [sections.path_at(heading.start) for heading in headings]
        assert paths == [("A",), ("A", "B"), ("A", "B", "C"), ("A", "D"), ("E",)]

    def test_before_the_first_heading_there_is_no_path(self) -> None:
        assert Sections("intro\nA", [Heading(6, 7, 1)]).path_at(5) == ()


class TestPrefixFor:
    def test_joins_title_and_path_into_a_line(self) -> None:
        assert prefix_for("Deeds", ("Mills", "Water"), COUNTER) == "Deeds > Mills > Water\n"

    def test_says_a_title_that_is_also_the_first_heading_once(self) -> None:
        assert prefix_for("DEEDS", ("Deeds", "Mills"), COUNTER) == "Deeds > Mills\n"

    def test_is_empty_without_title_and_headings(self) -> None:
        assert prefix_for(None, (), COUNTER) == ""
        assert prefix_for(" \n", ("",), COUNTER) == ""

    def test_drops_outer_headings_before_it_cuts_the_line(self) -> None:
        path = ("one two three four", "five six seven eight", "nine ten")
        assert prefix_for("Title", path, COUNTER) == "Title > five six seven eight > nine ten\n"
        assert prefix_for("Title", (path[0], *path), COUNTER).endswith("nine ten\n")

    def test_never_takes_more_than_a_quarter(self) -> None:
        for title in ("word " * 500, "文書館" * 500, "x" * 5000):
            assert COUNTER.count_tokens(prefix_for(title, (title,), COUNTER)) <= 16
