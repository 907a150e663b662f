from pathlib import Path

import pytest

from muniment.adapters.parsers.container import ContainerSettings
from muniment.adapters.parsers.epub import EpubParser, resolve
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.samples import TITLE, write_epub, zipped

NCX = (
    '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://127.0.0.1:1/ncx.dtd"><ncx><navMap>'
    "<navPoint><navLabel><text>Of   fees</text></navLabel><content src='text/a%20b.xhtml#x'/>"
    "</navPoint></navMap></ncx>"
)
OLD_PACKAGE = (
    "<package><manifest>"
    "<item id='t' href='toc.ncx' media-type='application/x-dtbncx+xml'/>"
    "<item id='a' href='text/a%20b.xhtml' media-type='application/xhtml+xml'/>"
    "<item id='p' href='cover.png' media-type='image/png'/>"
    "</manifest><spine toc='t'><itemref idref='p'/><itemref idref='a'/><itemref idref='gone'/>"
    "</spine></package>"
)
CONTAINER = '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>'


def parse(path: Path) -> ParsedDocument:
    return EpubParser(ContainerSettings()).parse(path, "any")


def outline(parsed: ParsedDocument) -> list[tuple[str, int]]:
    return [(parsed.text[h.start : h.end], h.level) for h in parsed.headings]


class TestParse:
    def test_gives_chapters_in_order_with_their_headings(self, tmp_path: Path) -> None:
        parsed = parse(write_epub(tmp_path / "a.epub"))
        assert parsed.text == (
            "Tolls & fees\n\nCarts pay <5 marks.\n\nBridge\tToll\nNorth\t5"
            "\n\nPart two\n\nNothing else is due."
        )
        assert outline(parsed) == [("Tolls & fees", 1), ("Part two", 1)]
        assert parsed.title == TITLE

    def test_reads_the_contents_of_old_books(self, tmp_path: Path) -> None:
        parts = {
            "META-INF/container.xml": CONTAINER,
            "book.opf": OLD_PACKAGE,
            "toc.ncx": NCX,
            "text/a b.xhtml": "<html><head><title/><script src='x'/></head>words</html>",
        }
        parsed = parse(zipped(tmp_path / "a.epub", parts))
        assert parsed.text == "Of fees\n\nwords"
        assert outline(parsed) == [("Of fees", 1)]
        assert parsed.title is None

    def test_fonts_may_be_obfuscated(self, tmp_path: Path) -> None:
        lock = "<e><EncryptionMethod Algorithm='http://www.idpf.org/2008/embedding'/></e>"
        path = write_epub(tmp_path / "a.epub", parts={"META-INF/encryption.xml": lock})
        assert parse(path).text

    def test_chapters_of_pictures_leave_no_trace(self, tmp_path: Path) -> None:
        chapters = {"one.xhtml": "<img src='x.png'/>", "two.xhtml": "<p>words</p>"}
        assert parse(write_epub(tmp_path / "a.epub", chapters)).text == "Part two\n\nwords"

    def test_entities_are_those_of_web_pages_and_no_others(self, tmp_path: Path) -> None:
        chapter = {"one.xhtml": "a&nbsp;b &own; <!ENTITY own SYSTEM 'file:///etc/passwd'>"}
        assert parse(write_epub(tmp_path / "a.epub", chapter)).text == "Part one\n\na\u00a0b &own;"


class TestRefusals:
    def test_copy_protection_is_told(self, tmp_path: Path) -> None:
        lock = "<e><EncryptionMethod Algorithm='http://www.w3.org/2001/04/xmlenc#aes128-cbc'/></e>"
        path = write_epub(tmp_path / "a.epub", parts={"META-INF/encryption.xml": lock})
        with pytest.raises(ParseError) as caught:
            parse(path)
        assert caught.value.code == "encrypted"

    @pytest.mark.parametrize("parts", [{"a": "b"}, {"META-INF/container.xml": CONTAINER}])
    def test_other_containers_are_told(self, tmp_path: Path, parts: dict[str, str]) -> None:
        with pytest.raises(ParseError, match=r"not an e-book \(\.epub\)"):
            parse(zipped(tmp_path / "a.epub", parts))

    def test_a_book_without_words_is_empty(self, tmp_path: Path) -> None:
        with pytest.raises(ParseError) as caught:
            parse(write_epub(tmp_path / "a.epub", {"one.xhtml": "<img/>"}))
        assert caught.value.code == "empty_document"


class TestResolve:
    @pytest.mark.parametrize(
        ("folder", "reference", "name"),
        [
            ("OPS", "a.xhtml", "OPS/a.xhtml"),
            ("OPS", "../a%20b.xhtml#part", "a b.xhtml"),
            ("", "/a.xhtml", "a.xhtml"),
            ("OPS", "../../../../etc/passwd", "etc/passwd"),
        ],
    )
    def test_stays_inside_the_book(self, folder: str, reference: str, name: str) -> None:
        assert resolve(folder, reference) == name
