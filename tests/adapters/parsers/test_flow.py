from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.ports.parsing import Heading


def test_the_stronger_break_wins_and_none_stands_at_the_ends() -> None:
    flow = TextFlow()
    flow.break_at(Break.PARAGRAPH)
    flow.add(" a ")
    flow.break_at(Break.PARAGRAPH)
    flow.break_at(Break.LINE)
    flow.add("b")
    flow.break_at(Break.LINE)
    assert flow.finish() == ("a\n\nb", ())


def test_headings_and_pages_start_at_words() -> None:
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
