"""One good file of every format, written by the programs and libraries that people use."""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pptx
from pptx.util import Inches

from tests.support.documents import write_docx, write_pdf

_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
_NAMESPACES = (
    f'xmlns:office="{_ODF}office:1.0" xmlns:text="{_ODF}text:1.0" xmlns:table="{_ODF}table:1.0" '
    f'xmlns:draw="{_ODF}drawing:1.0" xmlns:svg="{_ODF}svg-compatible:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
ODT_BODY = (
    '<text:h text:outline-level="1">Tolls &amp; fees</text:h>'
    "<text:p>Carts pay <text:span>&lt;5</text:span> marks.</text:p>"
    "<table:table><table:table-row><table:table-cell><text:p>Bridge</text:p></table:table-cell>"
    "<table:table-cell><text:p>Toll</text:p></table:table-cell></table:table-row>"
    "<table:table-row><table:table-cell><text:p>North</text:p></table:table-cell>"
    "<table:table-cell><text:p>5</text:p></table:table-cell></table:table-row></table:table>"
)
TITLE = "The town charter"


@dataclass(frozen=True)
class Sample:
    """A file that can be written, and what must be found in it."""

    name: str
    write: Callable[[Path], object]
    words: str
    row: str = ""
    """A row of its table, as it stands in the text."""


def zipped(path: Path, parts: Mapping[str, str | bytes], *, mimetype: str = "") -> Path:
    """Write a zip container; the media type comes first and is not deflated."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def write_odt(path: Path, body: str = ODT_BODY, **parts: str) -> Path:
    """Write an OpenDocument text around some paragraphs."""
    content = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document-content {_NAMESPACES}>{content}</office:document-content>"
    meta = f"<office:meta><dc:title>{TITLE}</dc:title></office:meta>"
    return zipped(
        path,
        {
            "content.xml": content,
            "meta.xml": f"<office:document-meta {_NAMESPACES}>{meta}</office:document-meta>",
            **{name.replace("__", "/"): value for name, value in parts.items()},
        },
        mimetype="application/vnd.oasis.opendocument.text",
    )


def write_epub(
    path: Path, chapters: Mapping[str, str] | None = None, parts: Mapping[str, str] | None = None
) -> Path:
    """Write an e-book of some chapters, by the names of their files."""
    chapters = chapters or {
        "one.xhtml": "<h1>Tolls &amp; fees</h1><p>Carts pay &lt;5 marks.</p>"
        "<table><tr><th>Bridge</th><th>Toll</th></tr><tr><td>North</td><td>5</td></tr></table>",
        "two.xhtml": "<p>Nothing else is due.</p>",
    }
    items = "".join(
        f'<item id="{name}" href="text/{name}" media-type="application/xhtml+xml"/>'
        for name in chapters
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    page = '<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'
    links = "".join(f'<li><a href="text/{name}#top">Part {name[:3]}</a></li>' for name in chapters)
    return zipped(
        path,
        {
            "META-INF/container.xml": (
                '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
            ),
            "OPS/book.opf": (
                '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
                f"<dc:title>{TITLE}</dc:title></metadata><manifest>{items}"
                '<item id="nav" href="nav.xhtml" properties="nav" '
                'media-type="application/xhtml+xml"/></manifest>'
                f"<spine>{spine}</spine></package>"
            ),
            "OPS/nav.xhtml": page.format(f"<nav><ol>{links}</ol></nav>"),
            **{f"OPS/text/{name}": page.format(body) for name, body in chapters.items()},
            **(parts or {}),
        },
        mimetype="application/epub+zip",
    )


def write_xlsx(path: Path) -> Path:
    """Write a spreadsheet with two sheets, one of them hidden."""
    book = openpyxl.Workbook()
    book.properties.title = TITLE
    sheet = book.active
    sheet.title = "Tolls & fees"
    sheet.append(["Bridge", "Toll", "Since", "Share"])
    for bridge, toll in (("North <old>", 5), ("South", 2.5)):
        sheet.append([bridge, toll, date(2026, 3, 1), 0.125])
        sheet.cell(sheet.max_row, 4).number_format = "0.0%"
    secret = book.create_sheet("Secret")
    secret.sheet_state = "hidden"
    secret.append(["nobody", "sees this"])
    book.save(path)
    return path


def write_pptx(path: Path) -> Path:
    """Write a presentation: title, bullets with notes, a hidden slide, a table."""
    deck = pptx.Presentation()
    deck.core_properties.title = TITLE
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = TITLE, "A talk for the council"
    bullets = deck.slides.add_slide(deck.slide_layouts[1])
    bullets.shapes.title.text = "Tolls & fees"
    bullets.placeholders[1].text = "Carts pay <5 marks.\nHorses pay 2."
    bullets.notes_slide.notes_text_frame.text = "Speak slowly here."
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = "Nobody sees this"
    hidden._element.set("show", "0")
    last = deck.slides.add_slide(deck.slide_layouts[5])
    last.shapes.title.text = "Bridges"
    table = last.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(6), Inches(2)).table
    for row, column, words in ((0, 0, "Bridge"), (0, 1, "Toll"), (1, 0, "North"), (1, 1, "5")):
        table.cell(row, column).text = words
    deck.save(str(path))
    return path


def write_eml(path: Path) -> Path:
    """Write a message in two variants, with an attachment."""
    message = EmailMessage()
    message["From"] = "Jürgen Müller <mueller@town.test>"
    message["To"] = "council@town.test"
    message["Date"] = "Tue, 24 Nov 2026 10:00:00 +0000"
    message["Subject"] = "Zölle & fees"
    message.set_content("Carts pay <5 marks \u2013 from March on.\n")
    message.add_alternative("<p>Carts pay in colours</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Zölle.pdf")
    path.write_bytes(bytes(message))
    return path


def _of(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text, encoding="utf-8")


_JSON = json.dumps({"bridges": [{"name": "Nörd", "toll": {"carts": 5}}, {"name": "South"}]})
_TABLE = "Bridge;Toll\nNorth;5\nSouth;2\n"
SAMPLES = {
    "code": Sample("toll.py", _of("def toll() -> int:\n    return 5  # marks\n"), "return 5  # m"),
    "csv": Sample("tolls.csv", _of(_TABLE), "South", "Bridge: North; Toll: 5"),
    "docx": Sample("charter.docx", write_docx, "AT&T pays <5 \U0001f600", "a\tb\n1\t2"),
    "email": Sample("fees.eml", write_eml, "Carts pay <5 marks \u2013 from March on."),
    "epub": Sample("charter.epub", write_epub, "Carts pay <5 marks.", "North\t5"),
    "html": Sample(
        "fees.html",
        _of("<h1>Fees</h1>Carts &lt;5<table><tr><td>North</td><td>5</td></tr></table>"),
        "Carts <5",
        "North\t5",
    ),
    "json": Sample(
        "bridges.json", _of(_JSON), "South", "bridges.name: Nörd; bridges.toll.carts: 5"
    ),
    "markdown": Sample("fees.md", _of("# Fees\n\n| North | 5 |\n"), "# Fees", "| North | 5 |"),
    "odt": Sample("charter.odt", write_odt, "Carts pay <5 marks.", "North\t5"),
    "pdf": Sample(
        "fees.pdf",
        lambda path: write_pdf(
            path,
            [[("Title", "Tolls"), ("BodyText", "Carts pay five. " * 20)], [("BodyText", "End.")]],
        ),
        "Carts pay five.",
    ),
    "pptx": Sample("council.pptx", write_pptx, "Carts pay <5 marks.", "North\t5"),
    "rst": Sample("fees.rst", _of("Fees\n====\n\n===== =\nNorth 5\n===== =\n"), "Fees", "North 5"),
    "text": Sample("fees.txt", _of("North  5\nSouth  2\n"), "South", "North  5"),
    "xlsx": Sample(
        "tolls.xlsx",
        write_xlsx,
        "North <old>",
        "Bridge: South; Toll: 2.5; Since: 2026-03-01; Share: 12.5%",
    ),
}
"""By the name of the plug-in that reads it."""
