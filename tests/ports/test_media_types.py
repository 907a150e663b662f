import pytest

from muniment.ports.media_types import DOCX, UNKNOWN, media_type_for

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
