from pathlib import Path

import pytest

from muniment.adapters.parsers.container import ContainerSettings
from muniment.adapters.parsers.odt import OdtParser
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.samples import TITLE, write_odt, zipped


def parse(path: Path) -> ParsedDocument:
    return OdtParser(ContainerSettings()).parse(path, "any")


class TestParse:
    def test_gives_text_title_and_headings(self, tmp_path: Path) -> None:
        parsed = parse(write_odt(tmp_path / "a.odt"))
        assert parsed.text == "Tolls & fees\n\nCarts pay <5 marks.\n\nBridge\tToll\nNorth\t5"
        assert parsed.title == TITLE
        assert [(h.start, h.end, h.level) for h in parsed.headings] == [(0, 12, 1)]

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            pytest.param("<text:p>a\n   b <text:span> c</text:span></text:p>", "a b c", id="space"),
            pytest.param(
                '<text:p>a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d</text:p>',
                "a   b\tc\nd",
                id="marks",
            ),
            pytest.param(
                '<text:p>a<text:s text:c="999999999"/>b</text:p>', "a b", id="a-billion-spaces"
            ),
            pytest.param(
                "<text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
                "<text:p>a<office:annotation><text:p>remark</text:p></office:annotation></text:p>",
                "a",
                id="deleted-words-and-comments",
            ),
            pytest.param(
                "<text:p>a<text:note><text:note-citation>1</text:note-citation><text:note-body>"
                "<text:p>note</text:p></text:note-body></text:note> b</text:p><text:p>c</text:p>",
                "a b\n\nc\n\nnote",
                id="notes-come-last",
            ),
            pytest.param(
                "<text:list><text:list-item><text:p>a</text:p></text:list-item>"
                "<text:list-item><text:p>b</text:p></text:list-item></text:list>",
                "a\n\nb",
                id="list",
            ),
            pytest.param(
                "<text:table-of-content><text:p>Tolls 1</text:p></text:table-of-content>"
                "<text:p>a</text:p>",
                "a",
                id="table-of-contents",
            ),
            pytest.param(
                "<text:p><draw:frame><svg:title>picture</svg:title></draw:frame>"
                "<text:title>the title</text:title></text:p>",
                "the title",
                id="title-of-a-picture-and-of-the-document",
            ),
            pytest.param(
                "<text:section>" * 50_000 + "<text:p>a</text:p>" + "</text:section>" * 50_000,
                "a",
                id="deep",
            ),
        ],
    )
    def test_reads_what_is_visible(self, tmp_path: Path, body: str, text: str) -> None:
        assert parse(write_odt(tmp_path / "a.odt", body)).text == text

    @pytest.mark.parametrize(
        ("level", "expected"), [("2", 2), ("99", 10), ("0", 1), ("x", 1), ("9999999", 1)]
    )
    def test_levels_stay_within_reason(self, tmp_path: Path, level: str, expected: int) -> None:
        body = f'<text:h text:outline-level="{level}">a</text:h>'
        [heading] = parse(write_odt(tmp_path / "a.odt", body)).headings
        assert heading.level == expected


class TestRefusals:
    def test_a_password_is_told(self, tmp_path: Path) -> None:
        manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
        path = write_odt(tmp_path / "a.odt", **{"META-INF__manifest.xml": manifest})
        with pytest.raises(ParseError) as caught:
            parse(path)
        assert caught.value.code == "encrypted"

    def test_a_sheet_is_no_text(self, tmp_path: Path) -> None:
        body = (
            "<d><styles><text>x</text></styles><body><spreadsheet><p>a</p></spreadsheet></body></d>"
        )
        with pytest.raises(ParseError, match=r"not an OpenDocument text \(\.odt\)"):
            parse(zipped(tmp_path / "a.odt", {"content.xml": body}))
