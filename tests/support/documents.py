"""Documents made on the spot: good ones with known text, and hostile ones."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import docx
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def write_pdf(
    path: Path, pages: Sequence[Sequence[tuple[str, str]]], *, title: str = "", password: str = ""
) -> Path:
    """Set paragraphs as (style, words) on pages, as a word processor would."""
    styles = getSampleStyleSheet()
    story: list[object] = []
    for page in pages:
        story += [Paragraph(words, styles[style]) for style, words in page]
        story.append(PageBreak())
    encryption = StandardEncryption(password, ownerPassword="owner") if password else None
    SimpleDocTemplate(str(path), pagesize=A4, title=title, encrypt=encryption, invariant=1).build(
        story
    )
    return path


def write_pdf_lines(path: Path, pages: Sequence[Sequence[str]]) -> Path:
    """Set lines exactly as given, a page each; a page without lines gets a drawing."""
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    for lines in pages:
        text = canvas.beginText(72, 700)
        for line in lines:
            text.textLine(line)
        canvas.drawText(text)
        canvas.rect(50, 50, 100, 20, fill=1)
        canvas.showPage()
    canvas.save()
    return path


def write_docx(path: Path) -> Path:
    """Write a Word document with a title, headings, a list, a table and other scripts."""
    document = docx.Document()
    document.core_properties.title = "The town charter"
    document.add_heading("The charter", 0)
    document.add_heading("Tolls & fees", 1)
    document.add_paragraph("AT&T pays <5 \U0001f600 “fine”.")
    document.add_heading("Bridges", 2)
    document.add_paragraph("one", style="List Bullet")
    document.add_paragraph("two", style="List Bullet")
    table = document.add_table(2, 2)
    for row, column, words in ((0, 0, "a"), (0, 1, "b"), (1, 0, "1"), (1, 1, "2")):
        table.cell(row, column).text = words
    document.add_paragraph("مرحبا 漢字")
    document.sections[0].header.paragraphs[0].text = "running header"
    document.save(str(path))
    return path


def package(path: Path, parts: Mapping[str, bytes]) -> Path:
    """Write a zip container with the parts of a Word document, whatever they hold."""
    relationships = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
        f"</Relationships>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", relationships)
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def wordml(body: str, *, doctype: str = "") -> bytes:
    """Write the main part of a Word document around some paragraphs."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}'
        f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>'
    ).encode()


def paragraph(words: str) -> str:
    """Write one paragraph of WordprocessingML."""
    return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"


def write_bomb(path: Path, megabytes: int) -> Path:
    """Write a Word document whose body inflates from a few kilobytes to so many megabytes."""
    head, tail = wordml(paragraph("|")).split(b"|")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as part,
    ):
        part.write(head)
        for _ in range(megabytes):
            part.write(b"A " * 2**19)
        part.write(tail)
    return path
