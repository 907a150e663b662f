import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.ports.media_types import (
    DOCX,
    EPUB,
    ODT,
    PPTX,
    SOURCE_CODE,
    UNKNOWN,
    XLSX,
    endings_of,
    media_type_for,
)

_OLE = "application/x-ole-storage"
_ZIP = b"PK\x03\x04" + bytes(26)


@pytest.mark.parametrize(
    ("name", "declared", "head", "expected"),
    [
        pytest.param("a.txt", None, b"words", "text/plain", id="ending"),
        pytest.param("A.MD", None, b"# words", "text/markdown", id="ending-in-capitals"),
        pytest.param("a.htm", "text/plain", b"<p>", "text/html", id="ending-over-declared"),
        pytest.param("a.txt", "text/plain", b"%PDF-1.7", "application/pdf", id="bytes-over-both"),
        pytest.param("a.pdf", None, b"\n\n%PDF-1.4", "application/pdf", id="pdf-after-garbage"),
        pytest.param("a.pdf", None, b"random", "application/pdf", id="pdf-by-ending"),
        pytest.param("a.docx", None, _ZIP, DOCX, id="zip-named-docx"),
        pytest.param("a", None, _ZIP + b"word/document.xml", DOCX, id="docx-without-ending"),
        pytest.param("a.txt", "text/plain", _ZIP, "application/zip", id="zip-named-text"),
        pytest.param("a.docx", None, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", DOCX, id="locked-docx"),
        pytest.param("a.bin", "application/pdf", b"MZ", UNKNOWN, id="declared-pdf-is-not-believed"),
        pytest.param("a.bin", "text/plain", b"MZ\0\0", UNKNOWN, id="declared-text-with-nul"),
        pytest.param("a.nfo", "Text/Plain; charset=x", b"words", "text/plain", id="declared-text"),
        pytest.param("README", None, b"words", "text/plain", id="text-without-ending"),
        pytest.param("index", None, b" <!DOCTYPE HTML>", "text/html", id="page-without-ending"),
        pytest.param("a.exe", None, b"words", UNKNOWN, id="unknown-ending"),
        pytest.param("..\\..\\evil.md", None, b"words", "text/markdown", id="path-in-the-name"),
        pytest.param("", None, b"", UNKNOWN, id="nothing"),
    ],
)
def test_decides_by_bytes_then_name_then_declaration(
    name: str, declared: str | None, head: bytes, expected: str
) -> None:
    assert media_type_for(name, declared, head) == expected


@pytest.mark.parametrize(
    ("name", "declared", "head", "expected"),
    [
        pytest.param("a.pdf", None, b"x" * 1019 + b"%PDF-", "application/pdf", id="pdf-at-limit"),
        pytest.param("a", None, b"x" * 10 + b"%PDF-1.4", "text/plain", id="pdf-within-text"),
        pytest.param("a.doc", None, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE, id="old-office"),
        pytest.param("a.html", None, b"%PDF-1.7", "application/pdf", id="pdf-named-page"),
        pytest.param("a.md", "application/pdf", b"\0\0", "text/markdown", id="name-over-bytes"),
        pytest.param("a", "text/markdown", b"# a", "text/markdown", id="declared-without-ending"),
        pytest.param("a", "text/csv", b"a,b", "text/csv", id="declared-table"),
        pytest.param("a", "image/svg+xml", b"<svg>", "text/plain", id="declared-but-not-read"),
        pytest.param("a", XLSX, b"words", "text/plain", id="declared-sheet-is-not-believed"),
        pytest.param("a.svg", "image/svg+xml", b"<svg>", UNKNOWN, id="ending-that-is-not-read"),
        pytest.param("a.PY", None, b"x = 1", "text/x-python", id="source-code"),
        pytest.param("a.json", "text/plain", b"{}", "application/json", id="json"),
        pytest.param("a", None, b"\xff\xfea\0", "text/plain", id="utf-16-looks-like-text"),
        pytest.param("a", None, b"a\0b", UNKNOWN, id="nul-does-not"),
        pytest.param("a", None, b"\xef\xbb\xbf\n <HTML >", "text/html", id="page-after-mark"),
        pytest.param("a", None, b"<!-- x --><html>", "text/plain", id="page-too-late"),
        pytest.param("dir.md/readme", None, b"x", "text/plain", id="ending-of-a-folder"),
        pytest.param(".md", None, b"x", "text/plain", id="hidden-file"),
        pytest.param("a.tar.MARKDOWN", None, b"x", "text/markdown", id="last-ending"),
        pytest.param("ä.Txt", None, b"x", "text/plain", id="name-beyond-ascii"),
        pytest.param("a.txt\0.pdf", None, b"x", "application/pdf", id="nul-in-the-name"),
        pytest.param("a.docx", DOCX, b"", DOCX, id="empty-by-ending"),
        pytest.param("a", "text/plain", b"", UNKNOWN, id="empty-without-ending"),
        pytest.param("a", " ; ", b"x", "text/plain", id="declared-nothing"),
    ],
)
def test_knows_the_edges(name: str, declared: str | None, head: bytes, expected: str) -> None:
    assert media_type_for(name, declared, head) == expected


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        pytest.param("a.xlsx", _ZIP, XLSX, id="by-ending"),
        pytest.param("a", _ZIP + b"ppt/slides/1.xml", PPTX, id="by-first-folder"),
        pytest.param("a.docx", _ZIP + b"xl/workbook.xml", XLSX, id="named-as-another"),
        pytest.param("a.docx", _ZIP + b"b.xml" + b"xl/" + bytes(9), DOCX, id="by-chance-inside"),
        pytest.param("a.zip", _ZIP + b"mimetype" + EPUB.encode(), EPUB, id="label-of-a-book"),
        pytest.param("a.docx", _ZIP + b"mimetype" + ODT.encode(), ODT, id="label-of-a-text"),
        pytest.param("a.zip", _ZIP + b"readme.txt", "application/zip", id="any-other"),
        pytest.param("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", XLSX, id="locked-sheet"),
        pytest.param("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE, id="old-sheet"),
    ],
)
def test_containers_are_told_apart(name: str, head: bytes, expected: str) -> None:
    assert media_type_for(name, None, head) == expected


@pytest.mark.parametrize(
    "media_type",
    sorted(
        {"text/plain", "text/markdown", "text/html", "application/pdf", DOCX, ODT, EPUB}
        | {XLSX, PPTX, "text/csv", "application/jsonl", "message/rfc822"}
        | SOURCE_CODE
    ),
)
def test_endings_and_types_agree(media_type: str) -> None:
    endings = endings_of(media_type)
    assert endings
    for ending in endings:
        assert media_type_for(f"a{ending}") == media_type


def test_an_unknown_type_has_no_ending() -> None:
    assert endings_of(UNKNOWN) == ()


@given(st.text(max_size=40), st.none() | st.text(max_size=20), st.binary(max_size=40))
def test_any_name_and_bytes_have_a_type_and_only_bytes_or_endings_give_a_format(
    name: str, declared: str | None, head: bytes
) -> None:
    found = media_type_for(name, declared, head)
    if found in {"application/pdf", DOCX} and not head.startswith((b"%PDF-", b"PK\x03\x04")):
        assert name.lower().endswith((".pdf", ".docx"))
