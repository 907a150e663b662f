"""HTML: the visible text, block by block, with its headings.

Our own reader on the standard library's tokenizer, because the offsets of headings must be exact
and kreuzberg 4.10 leaves Markdown stars in its plain text, reorders nested lists and does not
decode the title. It keeps counters instead of a tree, so depth costs nothing.
"""

import codecs
import re
from html.parser import HTMLParser
from pathlib import Path

from typing_extensions import override

from muniment.adapters.parsers.canonical import decode, read_bytes, require_text, settle
from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import ParsedDocument

_Attributes = list[tuple[str, str | None]]
_XHTML = "application/xhtml+xml"

_LINES = frozenset({"br", "li", "tr", "dt", "dd", "div", "option", "caption", "summary"})
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "center", "details", "dialog", "dl", "fieldset"}
    | {"figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
    | {"hgroup", "hr", "main", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead"}
    | {"ul"}
)
_CELLS = frozenset({"td", "th"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"ul", "ol"})
_UNSEEN = frozenset(
    {"template", "noscript", "nav", "svg", "math", "iframe", "object", "select", "button"}
)
_MAY_HIDE = frozenset({"div", "section", "span", "article", "aside", "header", "figure"})
_CONTENT = frozenset({"main", "article", "section", "blockquote"})

_UNREAD = re.compile(r"<!--|<(script|style)(?=[\s/>])", re.IGNORECASE)
_ENDS = {
    None: re.compile("--!?>"),
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
}
_CLOSED_AT_ONCE = re.compile(r"<(script|style|title|h[1-6])(\s[^<>]*)?/>", re.IGNORECASE)
_TAG_START = re.compile("<[a-zA-Z/!?]")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_CHARSET_WITHIN = 1024
_CHARSETS = re.compile(
    r"utf-8|cp125\d|iso8859-\d+|koi8-[ru]|shift_jis|euc_jp|iso2022_jp|euc_kr|gb2312|gbk|gb18030|big5"
)


def visible_source(source: str) -> str:
    """Cut comments, scripts, styles and a tag that never ends, as a browser would show none of it.

    Done before tokenizing because the tokenizer looks for a missing end again and again: work
    that grows with the square of a hostile file.
    """
    kept: list[str] = []
    at = 0
    while (found := _UNREAD.search(source, at)) is not None:
        kept.append(source[at : found.start()])
        name = found[1].lower() if found[1] else None
        # The marks that open a comment may close it too: `<!-->` is an empty one.
        end = _ENDS[name].search(source, found.end() if name else found.start() + len("<!"))
        at = len(source) if end is None else end.end()
    kept.append(source[at:])
    whole = "".join(kept)
    unfinished = _TAG_START.search(whole, whole.rfind(">") + 1)
    return whole if unfinished is None else whole[: unfinished.start()]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.flow = TextFlow()
        self._title: list[str] = []
        self._in_title = False
        self._skipped = ""
        self._skip_depth = 0
        self._list_depth = 0
        self._content_depth = 0
        self._pre_depth = 0

    @property
    def title(self) -> str | None:
        return " ".join("".join(self._title).split()) or None

    @override
    def handle_starttag(self, tag: str, attrs: _Attributes) -> None:
        self._in_title = tag == "title" and not self._title and not self._skipped
        if self._skipped:
            self._skip_depth += tag == self._skipped
        elif self._is_unseen(tag, attrs):
            self.flow.break_at(Break.LINE)
            self._skipped, self._skip_depth = tag, 1
        else:
            self._open(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: _Attributes) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _UNSEEN:
            self.handle_endtag(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        if self._skipped:
            self._skip_depth -= tag == self._skipped
            if not self._skip_depth:
                self._skipped = ""
        else:
            self._close(tag)

    @override
    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._title.append(settle(data))
        elif self._skipped:
            return
        elif self._pre_depth:
            self.flow.add_literal(settle(data))
        else:
            self.flow.add(settle(data))

    def _is_unseen(self, tag: str, attrs: _Attributes) -> bool:
        if tag == "footer":
            return not self._content_depth
        is_hidden = tag in _MAY_HIDE and any(name == "hidden" for name, _ in attrs)
        return is_hidden or tag in _UNSEEN

    def _open(self, tag: str) -> None:
        self._break_at(tag)
        if tag in _HEADINGS:
            self.flow.open_heading(_HEADINGS[tag])
        elif tag in _CELLS:
            self.flow.next_cell()
        self._count(tag, 1)

    def _close(self, tag: str) -> None:
        self._count(tag, -1)
        if tag in _HEADINGS:
            self.flow.close_heading()
        self._break_at(tag)

    def _break_at(self, tag: str) -> None:
        is_inner_list = tag in _LISTS and self._list_depth > 0
        if tag in _LINES or is_inner_list:
            self.flow.break_at(Break.LINE)
        elif tag in _BLOCKS:
            self.flow.break_at(Break.PARAGRAPH)

    def _count(self, tag: str, step: int) -> None:
        if tag in _LISTS:
            self._list_depth = max(0, self._list_depth + step)
        elif tag in _CONTENT:
            self._content_depth = max(0, self._content_depth + step)
        elif tag == "pre":
            self._pre_depth = max(0, self._pre_depth + step)


def read_page(source: str) -> ParsedDocument:
    """Read a page; its text may be empty."""
    reader = _Reader()
    reader.feed(visible_source(source))
    reader.close()
    text, headings = reader.flow.finish()
    first = next((text[h.start : h.end] for h in headings if h.level == 1), None)
    return ParsedDocument(text, title=reader.title or first, headings=headings)


def read_xhtml(source: str) -> ParsedDocument:
    """Read a page in the spelling of XML, where an element may be closed at once: `<script/>`."""
    return read_page(_CLOSED_AT_ONCE.sub(r"<\1\2></\1>", source))


class HtmlParser:
    """Reads web pages as their visible text."""

    media_types = frozenset({"text/html", _XHTML})
    revision = "html-2"

    def parse(self, path: Path, media_type: str, /) -> ParsedDocument:
        """Read an HTML file. Raises ParseError."""
        raw = read_bytes(path)
        read = read_xhtml if media_type == _XHTML else read_page
        parsed = read(decode(raw, declared_charset(raw)))
        require_text(parsed.text)
        return parsed


def declared_charset(raw: bytes) -> str | None:
    """Give the charset that a meta element names, when it is a plain and well-known one."""
    found = _CHARSET.search(raw[:_CHARSET_WITHIN])
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1].decode("ascii", errors="replace")).name
    except LookupError:
        return None
    # WHATWG Encoding: a page that says Latin-1 means Windows-1252.
    name = "cp1252" if name == "iso8859-1" else name
    return name if _CHARSETS.fullmatch(name) else None


PLUGIN = PluginFactory(NoSettings, lambda _settings: HtmlParser())
