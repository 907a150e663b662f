"""Files that nobody means well with: what they are called, how they are made, how they end."""

import json
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.support.documents import (
    package,
    paragraph,
    wordml,
    write_bomb,
    write_pdf,
    write_pdf_lines,
)
from tests.support.samples import SAMPLES, Sample, write_epub, write_odt, zipped

READY = "ready"
NOISE = random.Random(7).randbytes(50_000)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise("abcdefghi"))
    + "]>"
)
XXE = '<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/passwd">]>'
SENTENCE = "The quick brown fox jumps over the lazy dog.\n"


@dataclass(frozen=True)
class Garbage:
    """A file and the codes with which it may end; `READY` when there is a text to be had."""

    name: str
    write: Callable[[Path], object]
    ends: frozenset[str]


def case(name: str, write: Callable[[Path], object] | bytes, *ends: str) -> Garbage:
    """Name a file and how it ends; bytes stand for themselves."""
    if isinstance(write, bytes):
        content = write
        return Garbage(name, lambda path: path.write_bytes(content), frozenset(ends))
    return Garbage(name, write, frozenset(ends))


def entries(sample: Sample, folder: Path) -> dict[str, bytes]:
    """Give the parts of a good container."""
    path = folder / f"good-{sample.name}"
    sample.write(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    path.unlink()
    return parts


def main_part(parts: dict[str, bytes]) -> str:
    """Name the part that every reader of a sample opens."""
    known = ("word/document.xml", "ppt/slides/slide2.xml", "xl/worksheets/sheet1.xml")
    return next(name for name in (*known, "content.xml", "OPS/text/one.xhtml") if name in parts)


def truncated(sample: Sample) -> Callable[[Path], object]:
    """Cut a good file off after two thirds."""

    def write(path: Path) -> None:
        sample.write(path)
        raw = path.read_bytes()
        path.write_bytes(raw[: len(raw) * 2 // 3])

    return write


def with_part(sample: Sample, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Write a good container whose main part is changed."""

    def write(path: Path) -> None:
        parts: dict[str, str | bytes] = dict(entries(sample, path.parent))
        name = main_part(dict.fromkeys(parts, b""))
        content = parts[name]
        parts[name] = change(content if isinstance(content, bytes) else content.encode())
        zipped(path, parts)

    return write


def entity(doctype: str) -> Callable[[bytes], bytes]:
    """Declare entities in front of the root, and use one in the first words."""

    def change(part: bytes) -> bytes:
        at = part.index(b"?>") + 2 if part.startswith(b"<?xml") else 0
        body = part[at:].replace(b"</", b"&i;</", 1)
        return part[:at] + doctype.encode() + body

    return change


def swollen(part: bytes) -> bytes:
    """Blow a part up with white space before its end, to 150 MB."""
    at = part.rindex(b"</")
    return part[:at] + b" " * (150 * 2**20) + part[at:]


def declaring_ten_gigabytes(sample: Sample) -> Callable[[Path], object]:
    """Let the directory say that the main part inflates to ten gigabytes."""

    def write(path: Path) -> None:
        parts = entries(sample, path.parent)
        name = main_part(parts)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each, content in parts.items():
                archive.writestr(each, content)
            archive.getinfo(name).file_size = 10 * 2**30

    return write


def climbing(sample: Sample) -> Callable[[Path], object]:
    """Add entries whose names lead out of any folder."""

    def write(path: Path) -> None:
        parts = entries(sample, path.parent)
        traps = {"../../../../tmp/trap": b"x", "/etc/trap": b"x", "C:\\trap": b"x"}
        zipped(path, {**parts, **traps})

    return write


def recursive_pages(path: Path) -> None:
    """Write a PDF whose tree of pages is its own branch."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 /Parent 2 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R] /Count 9999999 /Parent 3 0 R >>",
    ]
    raw = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(raw))
        raw += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    raw += b"xref\n0 4\n0000000000 65535 f \n" + table
    start = raw.index(b"xref\n")
    path.write_bytes(raw + b"trailer << /Root 1 0 R /Size 4 >>\nstartxref\n%d\n%%%%EOF" % start)


def flipped_pdf(path: Path) -> None:
    """Write a PDF with a damaged byte every now and then."""
    write_pdf(path, [[("BodyText", "words " * 500)]] * 20)
    raw = bytearray(path.read_bytes())
    dice = random.Random(3)
    for _ in range(300):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    path.write_bytes(raw)


def many_entries(path: Path) -> None:
    """Write a container of more entries than any document has."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"word/{number}.xml", b"")


def one_string_everywhere(path: Path) -> None:
    """Write a small sheet that repeats a long string in every cell."""
    cells = "<row>" + '<c t="s"><v>0</v></c>' * 200 + "</row>"
    relationships = "".join(
        f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{kind}.xml"/>'
        for kind in ("worksheet", "sharedStrings")
    )
    zipped(
        path,
        {
            "xl/workbook.xml": f'<w xmlns:r="{OFFICE}"><sheet name="S" r:id="worksheet"/></w>',
            "xl/_rels/workbook.xml.rels": f"<r>{relationships}</r>",
            "xl/sharedStrings.xml": f"<s><si><t>{'word ' * 20_000}</t></si></s>",
            "xl/worksheet.xml": f"<s>{cells * 100}</s>",
        },
    )


CONTAINERS = ("docx", "epub", "odt", "pptx", "xlsx")
XML_BASED = ("docx", "odt", "pptx", "xlsx")
"""Chapters of e-books are web pages: what declares entities there is text that nobody expands."""
TEXTS = ("code", "csv", "html", "markdown", "rst", "text")


def _of_every_format() -> Sequence[Garbage]:
    whole_or_not = dict.fromkeys((*TEXTS, "email"), (READY,)) | {"pdf": (READY, "malformed")}
    return [
        *(case(f"zero-{s.name}", b"", "empty_document") for s in SAMPLES.values()),
        *(case(f"noise-{s.name}", NOISE, "malformed") for s in SAMPLES.values()),
        *(
            case(f"cut-{sample.name}", truncated(sample), *whole_or_not.get(plugin, ("malformed",)))
            for plugin, sample in SAMPLES.items()
        ),
        *(case(f"text-{SAMPLES[name].name}", b"Just words.", "malformed") for name in CONTAINERS),
    ]


def _of_containers() -> Sequence[Garbage]:
    samples = [SAMPLES[name] for name in CONTAINERS]
    xml = [SAMPLES[name] for name in XML_BASED]
    return [
        *(case(f"bomb-{s.name}", with_part(s, swollen), "too_large") for s in samples),
        *(case(f"10gb-{s.name}", declaring_ten_gigabytes(s), "too_large") for s in samples),
        *(case(f"climbing-{s.name}", climbing(s), READY) for s in samples),
        *(case(f"laughs-{s.name}", with_part(s, entity(LAUGHS)), "malformed") for s in xml),
        *(case(f"xxe-{s.name}", with_part(s, entity(XXE)), "malformed") for s in xml),
        case("xxe.epub", with_part(SAMPLES["epub"], entity(XXE)), READY),
        case("laughs.epub", with_part(SAMPLES["epub"], entity(LAUGHS)), READY),
        case("entries.docx", many_entries, "too_large"),
        case("swelling.xlsx", one_string_everywhere, "too_large"),
        case("big.docx", lambda path: write_bomb(path, 150), "too_large"),
        case("old.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(999), "malformed"),
        case(
            "locked.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "encrypted",
        ),
        case(
            "locked.odt",
            lambda path: write_odt(path, **{"META-INF__manifest.xml": "<m><encryption-data/></m>"}),
            "encrypted",
        ),
        case(
            "locked.epub",
            lambda path: write_epub(
                path, parts={"META-INF/encryption.xml": "<e><EncryptionMethod/></e>"}
            ),
            "encrypted",
        ),
        case("sheet.docx", SAMPLES["xlsx"].write, "malformed", READY),
        case("deep.docx", _deep_docx, READY),
    ]


def _deep_docx(path: Path) -> None:
    body = "<w:sdt>" * 200_000 + paragraph("deep") + "</w:sdt>" * 200_000
    package(path, {"word/document.xml": wordml(body)})


def _of_texts() -> Sequence[Garbage]:
    arabic, chinese = "مرحبا بالعالم. ", "漢字の文章です。"
    return [
        case("blank.md", b" \n" * 99, "empty_document"),
        case("deep.html", b"<div><p>x" + b"<div>" * 300_000, READY),
        case("comments.html", b"<!-- " * 300_000 + b"x", "empty_document"),
        case("tags.html", b"words <" + b"a" * 2_000_000, READY),
        case("deep.json", b"[" * 1_000_000, "malformed"),
        case("deep-objects.json", b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "malformed"),
        case("long.json", b"[" + b"[]," * 6_000_000 + b"1]", "too_large"),
        case("number.json", b'{"a": ' + b"9" * 1_000_000 + b"}", READY),
        case("twice.json", json.dumps({"a": [{"b": 1}] * 9}).encode() * 2, "malformed"),
        case("bad.jsonl", b'{"a": 1}\n{"a": \n', "malformed"),
        case("bad-utf-8.txt", b"caf\xc3 \xff words and words " * 50, READY),
        case("bad-utf-8.csv", b"a,b\ncaf\xe9,\xff\n" * 50, READY),
        case("latin.txt", b"caf\xe9 \xff\xfe na\xefve " * 50, READY),
        case("utf-16.txt", SENTENCE.encode("utf-16"), READY),
        case("utf-16-without-mark.txt", (SENTENCE * 9).encode("utf-16-le"), READY, "malformed"),
        case("utf-16.csv", "a;b\n1;2\n".encode("utf-16"), READY),
        case("utf-16.json", '{"a": "b"}'.encode("utf-16"), READY),
        case("nul.txt", b"before\x00after and words " * 50, READY),
        case("nul.csv", b"name,town\x00\n1,2\n" * 50, READY),
        case("right-to-left.txt", (arabic * 99).encode(), READY),
        case("right-to-left.csv", f"الاسم,العمر\n{arabic},5\n".encode(), READY),
        case("chinese.txt", (chinese * 999).encode(), READY),
        case("chinese.rst", f"漢字\n====\n\n{chinese}".encode(), READY),
        case("rows.csv", b"id,name\n" + b"".join(b"%d,row\n" % n for n in range(10_000)), READY),
        case("wide.csv", b"a," * 200_000 + b"\n" + b"1," * 200_000, READY),
        case("quote.csv", b'a,"' + b"words, " * 400_000, "malformed"),
        case("marks.rst", b"=\n" * 500_000, READY),
        case("nested.eml", _nested_mail(3_000), "malformed"),
        case("header.eml", b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nwords", READY),
        case("noise.bin", NOISE, "unsupported_media_type"),
    ]


def _nested_mail(depth: int) -> bytes:
    head = "Content-Type: multipart/mixed; boundary=b{0}\n\n--b{0}\n"
    return ("Subject: deep\n" + "".join(head.format(n) for n in range(depth))).encode()


def _of_pdf() -> Sequence[Garbage]:
    return [
        case("header.pdf", b"%PDF-1.7\n" + NOISE, "malformed"),
        case("recursive.pdf", recursive_pages, "malformed", "no_text_layer"),
        case("flipped.pdf", flipped_pdf, READY, "malformed"),
        case(
            "locked.pdf",
            lambda path: write_pdf(path, [[("BodyText", "x")]], password="user"),
            "encrypted",
        ),
        case("pictures.pdf", lambda path: write_pdf_lines(path, [[], []]), "no_text_layer"),
    ]


GARBAGE = [*_of_every_format(), *_of_containers(), *_of_texts(), *_of_pdf()]
