from pathlib import Path

import pytest

from muniment.adapters.parsers.container import ContainerSettings
from muniment.adapters.parsers.pptx import PptxParser
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.documents import package
from tests.support.samples import TITLE, write_pptx, zipped

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TEXT = f"""{TITLE}

A talk for the council

Tolls & fees

Carts pay <5 marks.

Horses pay 2.

Notes

Speak slowly here.

Bridges

Bridge\tToll
North\t5"""


def parse(path: Path) -> ParsedDocument:
    return PptxParser(ContainerSettings()).parse(path, "any")


def deck(path: Path, slide: str, *, related: str = "", parts: dict[str, str] | None = None) -> Path:
    """Write a presentation of one slide by hand."""
    return zipped(
        path,
        {
            "ppt/presentation.xml": (
                f'<presentation xmlns:r="{OFFICE}"><sldId id="256" r:id="one"/>'
                '<sldId r:id="gone"/></presentation>'
            ),
            "ppt/_rels/presentation.xml.rels": (
                f'<r><Relationship Id="one" Type="{OFFICE}/slide" Target="slides/s.xml"/></r>'
            ),
            "ppt/slides/s.xml": f'<sld xmlns:mc="m">{slide}</sld>',
            "ppt/slides/_rels/s.xml.rels": f"<r>{related}</r>",
            **(parts or {}),
        },
    )


def shape(words: str, kind: str | None = None) -> str:
    place = "" if kind is None else f'<nvPr><ph type="{kind}"/></nvPr>'
    return f"<sp>{place}<txBody><p><r><t>{words}</t></r></p></txBody></sp>"


class TestParse:
    def test_gives_slides_as_pages_and_their_titles_as_headings(self, tmp_path: Path) -> None:
        parsed = parse(write_pptx(tmp_path / "a.pptx"))
        assert parsed.text == TEXT
        assert parsed.title == TITLE
        outline = [(parsed.text[h.start : h.end], h.level) for h in parsed.headings]
        assert outline == [(TITLE, 1), ("Tolls & fees", 1), ("Notes", 2), ("Bridges", 1)]

    def test_a_hidden_slide_counts_and_is_not_read(self, tmp_path: Path) -> None:
        parsed = parse(write_pptx(tmp_path / "a.pptx"))
        starts = parsed.page_starts
        assert len(starts) == 4
        assert starts[2] == starts[3] == parsed.text.index("Bridges")

    @pytest.mark.parametrize(
        ("slide", "text"),
        [
            pytest.param(shape("a") + shape("7", "sldNum") + shape("b", "ftr"), "a", id="repeated"),
            pytest.param(
                f"<mc:AlternateContent><Choice>{shape('new')}</Choice>"
                f"<Fallback>{shape('old')}</Fallback></mc:AlternateContent>",
                "new",
                id="second-copy-for-old-programs",
            ),
            pytest.param(
                "<sp><p><r><t>a</t></r><br/><fld><t>b</t></fld></p></sp>", "a\nb", id="line-break"
            ),
            pytest.param(
                f"<grpSp>{shape('a')}<grpSp>{shape('b')}</grpSp></grpSp>", "a\n\nb", id="group"
            ),
            pytest.param(
                "<tbl><tr><tc><p><t>a</t></p><p><t>b</t></p></tc><tc><p><t>c</t></p></tc></tr></tbl>",
                "a b\tc",
                id="two-paragraphs-in-a-cell",
            ),
            pytest.param("<grpSp>" * 50_000 + shape("a") + "</grpSp>" * 50_000, "a", id="deep"),
        ],
    )
    def test_reads_what_is_visible(self, tmp_path: Path, slide: str, text: str) -> None:
        parsed = parse(deck(tmp_path / "a.pptx", slide))
        assert parsed.text == text
        assert parsed.page_starts == (0, len(text))

    def test_reads_the_words_of_smart_art(self, tmp_path: Path) -> None:
        related = f'<Relationship Id="d" Type="{OFFICE}/diagramData" Target="../diagrams/d.xml"/>'
        data = "<dataModel><pt><t><p><r><t>step one</t></r></p></t></pt></dataModel>"
        parts = {"ppt/diagrams/d.xml": data}
        parsed = parse(deck(tmp_path / "a.pptx", shape("a"), related=related, parts=parts))
        assert parsed.text == "a\n\nstep one"

    def test_a_title_that_says_nothing_gives_way_to_the_first_slide(self, tmp_path: Path) -> None:
        parts = {"docProps/core.xml": "<p><title>PowerPoint Presentation</title></p>"}
        path = deck(
            tmp_path / "a.pptx", shape("Two\u000blines", "ctrTitle").replace("\v", " "), parts=parts
        )
        assert parse(path).title == "Two lines"

    def test_targets_outside_of_the_package_are_not_there(self, tmp_path: Path) -> None:
        related = (
            f'<Relationship Id="d" Type="{OFFICE}/notesSlide" Target="../../../../etc/passwd"/>'
        )
        assert parse(deck(tmp_path / "a.pptx", shape("a"), related=related)).text == "a"


class TestRefusals:
    def test_other_containers_are_told(self, tmp_path: Path) -> None:
        path = package(tmp_path / "a.pptx", {"word/document.xml": b"<document/>"})
        with pytest.raises(ParseError, match=r"not a presentation \(\.pptx\)"):
            parse(path)

    def test_slides_of_pictures_are_an_empty_document(self, tmp_path: Path) -> None:
        with pytest.raises(ParseError) as caught:
            parse(deck(tmp_path / "a.pptx", "<pic/>"))
        assert caught.value.code == "empty_document"
