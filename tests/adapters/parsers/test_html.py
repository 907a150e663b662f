from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.adapters.parsers.canonical import settle
from muniment.adapters.parsers.html import HtmlParser, read_page
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.growth import grows_in_proportion

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
            ("<p>a<style-guide>b</style-guide><script-kit>c</script-kit>", "abc"),
            ("a<SCRIPT\n>x</script >b<style/>x</style>c", "abc"),
            ("a<!-->b<!--->c<!-- x --!>d", "abcd"),
            ("<!--[if !IE]><!-->a<!--<![endif]-->b", "ab"),
            ("a<svg/>b<div hidden/>c</div>d", "a\nb\nd"),
            ("<footer hidden>a</footer><main><footer>b</footer></main>", "b"),
            ("<select><option>a</select><button>b</button>c", "c"),
            ("<dl><dt>a<dd>b</dl>c", "a\nb\n\nc"),
            ("<ol><li>a<ol><li>b</ol><li>c</ol>", "a\nb\nc"),
            ("a\u00a0<b>\u00a0b</b>", "a\u00a0\u00a0b"),
        ],
    )
    def test_reads_as_a_browser_shows(self, tmp_path: Path, source: str, text: str) -> None:
        assert parse(tmp_path, source).text == text

    @pytest.mark.parametrize(
        ("source", "text"),
        [
            (
                "<pre><i>def</i><i> </i><i>f</i>:\n    <i>return</i>\n\n\n<i>\t</i>#<b>end</b>",
                "def f:\n    return\n\n\n\t#end",
            ),
            ("<pre>\n<b>  indented</b>\n</pre>after", "  indented\n\nafter"),
            ("before<pre> </pre>after", "before\n\nafter"),
            ("<pre>a\n<table><tr><td>b", "a\n\nb"),
            ("<pre>a <br> b</pre>", "a\n b"),
        ],
    )
    def test_keeps_the_white_space_of_code(self, tmp_path: Path, source: str, text: str) -> None:
        assert parse(tmp_path, source).text == text

    @given(st.text(alphabet="ab \t\n"), st.data())
    def test_colours_change_nothing_of_code(self, code: str, data: st.DataObject) -> None:
        cut = data.draw(st.integers(0, len(code)))
        coloured = f"{code[:cut]}<i></i>{code[cut:]}"
        assert read_page(f"<pre>{coloured}</pre>.").text == read_page(f"<pre>{code}</pre>.").text

    @pytest.mark.parametrize(
        ("source", "title"),
        [
            ("<title> A\n title </title><h1>B</h1>", "A title"),
            ("<title></title><title>Second</title><h1>B</h1>", "Second"),
            ("<svg><title>Icon</title></svg><h2>C</h2><h1>B</h1>", "B"),
            ("<h2>C</h2>", None),
        ],
    )
    def test_names_the_page(self, source: str, title: str | None) -> None:
        assert read_page(f"{source}<p>text").title == title

    @pytest.mark.parametrize("charset", ["iso-8859-1", "latin1", "ISO_8859-1"])
    def test_latin_1_means_windows_1252(self, tmp_path: Path, charset: str) -> None:
        source = f'<meta charset="{charset}"><p>'.encode() + b"\x93caf\xe9\x94"
        assert parse(tmp_path, source).text == "“café”"

    def test_valid_utf_8_beats_what_is_declared(self, tmp_path: Path) -> None:
        assert parse(tmp_path, '<meta charset="windows-1252"><p>café').text == "café"

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
    def test_hostile_nesting_takes_time_in_proportion_to_its_length(
        self, tmp_path: Path, source: str
    ) -> None:
        def read(units: int) -> None:
            assert parse(tmp_path, "<h1>words</h1>" + source * units).text.startswith("words")

        assert grows_in_proportion(read, few=20_000)

    @given(st.lists(st.sampled_from(TAG_SOUP)).map("".join))
    def test_offsets_hold_for_any_tag_soup(self, source: str) -> None:
        parsed = read_page(source)
        assert settle(parsed.text) == parsed.text
        for heading in parsed.headings:
            words = parsed.text[heading.start : heading.end]
            assert words
            assert words == words.strip(" \n")
