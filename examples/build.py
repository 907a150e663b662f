"""Makes the PDF and Word files of the handbook from their Markdown in `examples/sources`.

`python examples/build.py [FOLDER]` writes them into `examples/handbook`, or into a folder of your
choice. The same sources give the same bytes: dates and identifiers are fixed.
"""

import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import docx
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

EXAMPLES = Path(__file__).parent
SOURCES = EXAMPLES / "sources"
HANDBOOK = EXAMPLES / "handbook"
AUTHOR = "Tarnbrook Instruments Ltd"
WRITTEN = datetime(2026, 11, 2, 9, 0)  # noqa: DTZ001 - a date in a document has no time zone
PAGE_BREAK = "<!-- page -->"

BlockKind = Literal["title", "heading", "subheading", "paragraph", "item", "table", "break"]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document: its kind, and its text or, of a table, its rows."""

    kind: BlockKind
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def read_blocks(source: str) -> Iterator[Block]:
    """Read the few things that the sources use of Markdown."""
    for part in source.split("\n\n"):
        lines = part.strip().splitlines()
        if lines and lines[0].startswith("- "):
            yield from _items(lines)
        elif lines:
            yield _block(lines)


def _items(lines: list[str]) -> Iterator[Block]:
    for item in "\n".join(lines).removeprefix("- ").split("\n- "):
        yield Block("item", " ".join(item.split()))


def _block(lines: list[str]) -> Block:
    if lines == [PAGE_BREAK]:
        return Block("break")
    if lines[0].startswith("|"):
        cells = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines)
        return Block("table", rows=tuple(row for row in cells if set("".join(row)) != {"-"}))
    text = " ".join(line.strip() for line in lines)
    marks, _, rest = text.partition(" ")
    kinds: dict[str, BlockKind] = {"#": "title", "##": "heading", "###": "subheading"}
    return Block(kinds[marks], rest) if marks in kinds else Block("paragraph", text)


def write_docx(blocks: list[Block], path: Path) -> None:
    """Write a Word document with styles for headings, lists and tables."""
    document = docx.Document()
    properties = document.core_properties
    properties.author = properties.last_modified_by = AUTHOR
    properties.title = blocks[0].text
    properties.comments = ""
    properties.created = properties.modified = WRITTEN
    styles = {"title": "Heading 1", "heading": "Heading 2", "subheading": "Heading 3"}
    for block in blocks:
        if block.kind == "table":
            table = document.add_table(len(block.rows), len(block.rows[0]), "Table Grid")
            for row, cells in zip(table.rows, block.rows, strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text
        elif block.kind == "item":
            document.add_paragraph(block.text, "List Bullet")
        else:
            document.add_paragraph(block.text, styles.get(block.kind))
    buffer = io.BytesIO()
    document.save(buffer)
    path.write_bytes(_with_fixed_dates(buffer))


def _with_fixed_dates(package: io.BytesIO) -> bytes:
    """Pack a zip file anew, so that its entries do not carry the time of the build."""
    packed = io.BytesIO()
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, WRITTEN.timetuple()[:6])
            new.writestr(entry, old.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def write_pdf(blocks: list[Block], path: Path) -> None:
    """Write a PDF of A4 pages, with the title and the page number at the foot of each."""
    title = blocks[0].text

    def foot(canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(20 * mm, 12 * mm, f"{title}, page {template.page}")

    width, height = A4
    frame = Frame(20 * mm, 20 * mm, width - 40 * mm, height - 40 * mm)
    template = BaseDocTemplate(
        str(path),
        pagesize=A4,
        pageTemplates=[PageTemplate(frames=[frame], onPageEnd=foot)],
        title=title,
        author=AUTHOR,
        invariant=1,  # no date of the build, and an identifier made from the content
    )
    story = [flowable for block in blocks for flowable in _flowables(block)]
    template.build(story)


def _flowables(block: Block) -> list[Flowable]:
    styles = getSampleStyleSheet()
    body = styles["BodyText"]
    match block.kind:
        case "break":
            return [PageBreak()]
        case "table":
            rows = [[Paragraph(escape(cell), body) for cell in row] for row in block.rows]
            grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "#888888")])
            return [Spacer(1, 3 * mm), Table(rows, style=grid), Spacer(1, 3 * mm)]
        case "item":
            return [Paragraph(escape(block.text), body, bulletText="\u2022")]
        case _:
            names = {"title": "Title", "heading": "Heading2", "subheading": "Heading3"}
            style = styles[names.get(block.kind, "BodyText")]
            return [Paragraph(escape(block.text), style)]


Writer = Callable[[list[Block], Path], None]
DOCUMENTS: dict[str, Writer] = {
    "laboratory-safety.pdf": write_pdf,
    "onboarding.docx": write_docx,
    "remote-work.docx": write_docx,
    "service-contracts.docx": write_docx,
    "warranty-terms.pdf": write_pdf,
}
"""What is made; the source of each has the same name with the ending `.md`."""


def build(folder: Path) -> None:
    """Write all of them into a folder."""
    for name, write in DOCUMENTS.items():
        source = (SOURCES / name).with_suffix(".md").read_text(encoding="utf-8")
        write(list(read_blocks(source)), folder / name)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HANDBOOK)
