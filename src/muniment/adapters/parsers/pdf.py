"""PDF through kreuzberg (pdfium): text page by page, with the headings that the type size shows.

The page texts are used rather than kreuzberg's joined text: that one counts bytes, turns the mark
of a word divided at a line's end into a hyphen, and its Markdown straightens quotation marks.
Lines stay lines, as on the page; a line that ends a paragraph is followed by an empty one.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import kreuzberg
from kreuzberg.exceptions import KreuzbergError

from muniment.adapters.parsers.canonical import read_bytes, settle
from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import ParsedDocument, ParseError

_DIVIDED = re.compile("(\\w{0,40})[\x02\ufffe](\\w{0,40})")
"""pdfium marks a word divided at the end of a line so, and drops the line end."""
_HYPHENATED = re.compile(r"\w{1,40}-\w{1,40}")
_SENTENCE_END = re.compile("[.!?:;\u3002\uff01\uff1f][\"'\u201d\u2019\u00bb)\\]]{0,3}$")
_LEADERS = re.compile(r"(\. ?){4,}")
_SHORT = 0.8
_WIDE_SHARE = 0.9
_NO_TITLE = frozenset({"", "untitled", "unspecified", "(unspecified)", "anonymous", "none"})


class PdfParser:
    """Reads PDF files that have a text layer."""

    media_types = frozenset({"application/pdf"})
    revision = f"pdf-1+kreuzberg-{kreuzberg.__version__}"

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Read a PDF file. Raises ParseError."""
        read_bytes(path)
        result = _extract(path)
        pages = _lines_of([page["content"] for page in result.pages or ()])
        if not any(pages):
            raise ParseError(
                "no_text_layer",
                "The PDF holds pictures of pages and no text; run text recognition (OCR) first.",
            )
        flow = TextFlow()
        for lines, headings in zip(pages, _headings_by_page(result, len(pages)), strict=True):
            flow.open_page()
            _write_page(flow, lines, headings)
        text, found = flow.finish()
        first = next((text[h.start : h.end] for h in found if h.level == 1), None)
        title = _title(str(result.metadata.get("title") or ""))
        return ParsedDocument(text, title or first, flow.page_starts(), found)


def _extract(path: Path) -> kreuzberg.ExtractionResult:
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        output_format="markdown",  # the only one that looks for headings
        include_document_structure=True,
        pages=kreuzberg.PageConfig(extract_pages=True),
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    try:
        return kreuzberg.extract_file_sync(path, mime_type="application/pdf", config=config)
    except (KreuzbergError, RuntimeError, ValueError, OSError) as error:
        if "password" in str(error).lower():
            raise ParseError(
                "encrypted", "The PDF is protected by a password; remove it and upload again."
            ) from error
        raise ParseError("malformed", "The file is damaged or is not a PDF.") from error


def _lines_of(contents: Sequence[str]) -> list[list[str]]:
    """Make the lines of each page canonical, with divided words made whole."""
    hyphenated = {word.casefold() for page in contents for word in _HYPHENATED.findall(page)}

    def whole(found: re.Match[str]) -> str:
        before, after = found[1], found[2]
        compound = f"{before}-{after}"
        is_one_word = after[:1].islower() and compound.casefold() not in hyphenated
        return before + after if is_one_word else compound

    pages = (settle(_DIVIDED.sub(whole, content)) for content in contents)
    return [[line.strip() for line in page.split("\n") if line.strip()] for page in pages]


def _headings_by_page(result: kreuzberg.ExtractionResult, pages: int) -> list[dict[str, int]]:
    """Give each page's headings (key and level); kreuzberg joins neighbours, so split them."""
    found: list[dict[str, int]] = [{} for _ in range(pages)]
    for node in result.document["nodes"] if result.document else ():
        content: Mapping[str, object] = node["content"]
        page = node.get("page") or 0
        level = content.get("level")
        if content["node_type"] == "heading" and isinstance(level, int) and 1 <= page <= pages:
            for line in str(content["text"]).splitlines():
                if (key := _key(line)) and not _LEADERS.search(line):
                    found[page - 1].setdefault(key, level)
    return found


def _key(line: str) -> str:
    """Make lines comparable: kreuzberg's headings differ in quotation marks and spaces."""
    return re.sub(r"\W+", "", line).casefold()


def _write_page(flow: TextFlow, lines: Sequence[str], headings: dict[str, int]) -> None:
    lengths = sorted(len(line) for line in lines)
    wide = lengths[int(len(lengths) * _WIDE_SHARE)] if lengths else 0
    for line in lines:
        level = headings.pop(_key(line), None)
        if level is not None:
            flow.break_at(Break.PARAGRAPH)
            flow.open_heading(level)
        flow.add_literal(line)
        flow.close_heading()
        is_end = level is not None or _ends_paragraph(line, wide)
        flow.break_at(Break.PARAGRAPH if is_end else Break.LINE)
    if lines and _SENTENCE_END.search(lines[-1]):
        flow.break_at(Break.PARAGRAPH)


def _ends_paragraph(line: str, wide: int) -> bool:
    return len(line) < wide * _SHORT and _SENTENCE_END.search(line) is not None


def _title(title: str) -> str | None:
    words = " ".join(settle(title).split())
    return None if words.lower() in _NO_TITLE else words


PLUGIN = PluginFactory(NoSettings, lambda _settings: PdfParser())
