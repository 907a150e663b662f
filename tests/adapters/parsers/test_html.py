from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.adapters.parsers.canonical import settle
from muniment.adapters.parsers.html import HtmlParser, read_page
from muniment.ports.parsing import ParsedDocument, ParseError

PAGE = """<!doctype html><html lang=en><head><title>My &amp; page</title>
<style>p{color:red}</style><script>alert("<p>x")</script></head><body>
<nav><a href=/>Home</a></nav><main><h1>The <em>charter</em></h1>
<p>AT&amp;T &lt;b&gt; &#x1F600; it's<br>next&nbsp;line.   <a href=x>link</a>, end</p>
<ul><li>one<ul><li>nested</ul><li>two</ul><!-- gone --><h2 id=a>Sub</h2>
<table><tr><th>a<th>b<tr><td>1<td>2</table><pre>
code
  indented
</pre><div hidden>secret</div><p>last</main><footer>foot</footer></body></html>"""

TEXT = """The charter

AT&T <b> \U0001f600 it's
next\u00a0line. link, end

one
nested
two

Sub

a\tb
1\t2

code
  indented

last"""

TAG_SOUP = [*"<>/!-&;=\"' \nab\f\r\0\U0001f600", "<h1>", "</h1>", "<h2 ", "<p>", "<pre>", "</pre>"]
TAG_SOUP += ["<br>", "<td>", "<tr>", "<nav>", "</nav>", "<!--", "-->", "&#11;", "<title>", "<li>"]


def parse(tmp_path: Path, source: str | bytes) -> ParsedDocument:
    path = tmp_path / "a.html"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return HtmlParser().parse(path, "text/html")


class TestHtmlParser:
    def test_gives_the_visible_text_with_title_and_headings(self, tmp_path: Path) -> None:
        parsed = parse(tmp_path, PAGE)
        assert parsed.text == TEXT
        assert parsed.title == "My & page"
        outline = [(parsed.text[h.start : h.end], h.level) for h in parsed.headings]
        assert outline == [("The charter", 1), ("Sub", 2)]

    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("a<b>b</b> c <i> d</i>", "ab c d"),
            ("<p>a<p>b<div>c</div>d", "a\n\nb\nc\nd"),
            ("a<script>never closed <p>b", "a"),
            ("a<!-- never closed <p>b", "a"),
            ("a < b and <unfinished", "a < b and"),
            ("<svg><svg>x</svg>y</svg>z", "z"),
            ("<article>a<footer>b</footer></article><footer>c</footer>", "a\n\nb"),
            ("&#0;&#xD800;&#13;&bogus;&copy", "\ufffd\ufffd &bogus;©"),
            ("<p></nav></pre></ul>ok", "ok"),
            ("<h1></h1><h2> </h2>text", "text"),
        ],
    )
    def test_reads_as_a_browser_shows(self, tmp_path: Path, source: str, text: str) -> None:
        assert parse(tmp_path, source).text == text

    def test_honours_a_declared_encoding(self, tmp_path: Path) -> None:
        source = '<meta charset="shift_jis"><p>漢字'.encode("shift_jis")
        assert parse(tmp_path, source).text == "漢字"

    @pytest.mark.parametrize("charset", ["zip", "rot13", "unicode_escape", "nonsense"])
    def test_ignores_encodings_that_are_none(self, tmp_path: Path, charset: str) -> None:
        source = f"<meta charset={charset}><p>caf".encode() + b"\xe9"
        assert parse(tmp_path, source).text == "café"

    def test_refuses_a_page_without_text(self, tmp_path: Path) -> None:
        with pytest.raises(ParseError) as caught:
            parse(tmp_path, "<html><script>x</script><body><img src=x></body></html>")
        assert caught.value.code == "empty_document"

    @pytest.mark.parametrize(
        "source",
        [
            "<div>",
            "<b>",
            "<!--",
            "<script",
            "<a href='",
            "</",
            "<!x",
            "&",
            "<ul><li>",
            "<p hidden>",
        ],
    )
    def test_is_done_soon_with_hostile_nesting(self, tmp_path: Path, source: str) -> None:
        started = process_time()
        assert parse(tmp_path, "<h1>words</h1>" + source * 100_000).text.startswith("words")
        assert process_time() - started < 5

    @given(st.lists(st.sampled_from(TAG_SOUP)).map("".join))
    def test_offsets_hold_for_any_tag_soup(self, source: str) -> None:
        parsed = read_page(source)
        assert settle(parsed.text) == parsed.text
        for heading in parsed.headings:
            words = parsed.text[heading.start : heading.end]
            assert words
            assert words == words.strip(" \n")
