import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ByteSize

from muniment.adapters.parsers.container import ContainerSettings
from muniment.adapters.parsers.docx import DocxParser
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.documents import package, paragraph, wordml, write_bomb, write_docx
from tests.support.samples import write_pptx, write_xlsx

TEXT = """The charter

Tolls & fees

AT&T pays <5 \U0001f600 “fine”.

Bridges

one

two

a\tb
1\t2

مرحبا 漢字"""

LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise("abcdefghi"))
    + "]>"
)
XXE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


def parse(path: Path, **settings: ByteSize) -> ParsedDocument:
    return DocxParser(ContainerSettings(**settings)).parse(path, "any")


def failure(path: Path) -> str:
    with pytest.raises(ParseError) as caught:
        parse(path)
    return caught.value.code


class TestText:
    def test_gives_text_title_and_headings(self, tmp_path: Path) -> None:
        parsed = parse(write_docx(tmp_path / "a.docx"))
        assert parsed.text == TEXT
        assert parsed.title == "The town charter"
        outline = [(parsed.text[h.start : h.end], h.level) for h in parsed.headings]
        assert outline == [("The charter", 1), ("Tolls & fees", 1), ("Bridges", 2)]
        assert parsed.page_starts == ()

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            pytest.param(
                "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>",
                "a\tb\nc",
                id="marks",
            ),
            pytest.param(
                "<w:p><w:pPr><w:tabs><w:tab w:val='left' w:pos='1'/></w:tabs></w:pPr>"
                "<w:r><w:t>a</w:t></w:r></w:p>",
                "a",
                id="tab-stop",
            ),
            pytest.param(
                "<w:p><w:del><w:r><w:delText>x</w:delText></w:r></w:del>"
                "<w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>",
                "new",
                id="tracked-changes",
            ),
            pytest.param(
                "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>x</w:t></w:r><w:r><w:t>a</w:t></w:r></w:p>",
                "a",
                id="hidden-words",
            ),
            pytest.param(
                "<w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:r><w:t>seen</w:t></w:r></w:p>",
                "seen",
                id="hidden-paragraph-mark",
            ),
            pytest.param(
                "<w:p><w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t>seen</w:t></w:r></w:p>",
                "seen",
                id="hiding-taken-back",
            ),
            pytest.param(
                "<mc:AlternateContent xmlns:mc='m'><mc:Choice>"
                + paragraph("new")
                + "</mc:Choice><mc:Fallback>"
                + paragraph("old")
                + "</mc:Fallback></mc:AlternateContent>",
                "new",
                id="second-copy-for-old-programs",
            ),
            pytest.param(
                "<w:p><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom></w:p>"
                "<w:p><w:moveTo><w:r><w:t>moved</w:t></w:r></w:moveTo></w:p>",
                "moved",
                id="moved-words-once",
            ),
            pytest.param(
                "<w:p><w:r><w:t xml:space='preserve'>a </w:t></w:r><w:r><w:t>b&#13;</w:t></w:r>"
                "<w:r><w:noBreakHyphen/><w:t>c</w:t></w:r></w:p>",
                "a b\n\u2011c",
                id="runs-of-one-paragraph",
            ),
            pytest.param(
                f"<w:p><w:r><w:t>out</w:t><w:txbxContent>{paragraph('box')}</w:txbxContent></w:r>"
                "</w:p>",
                "box\n\nout",
                id="text-box",
            ),
            pytest.param(
                "<w:tbl><w:tr><w:tc><w:tbl><w:tr><w:tc>"
                + paragraph("a")
                + paragraph("b")
                + "</w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>"
                + paragraph("after"),
                "a b\n\nafter",
                id="table-in-table",
            ),
            pytest.param("</w:body><w:body>" + paragraph("a&#x1F600;b"), "a\U0001f600b", id="odd"),
        ],
    )
    def test_reads_what_is_visible(self, tmp_path: Path, body: str, text: str) -> None:
        path = package(tmp_path / "a.docx", {"word/document.xml": wordml(body)})
        assert parse(path).text == text

    def test_adds_footnotes(self, tmp_path: Path) -> None:
        parts = {"word/document.xml": paragraph("body"), "word/footnotes.xml": paragraph("note")}
        path = package(tmp_path / "a.docx", {name: wordml(body) for name, body in parts.items()})
        assert parse(path).text == "body\n\nnote"

    def test_finds_styles_and_notes_beside_the_main_part_wherever_it_is(
        self, tmp_path: Path
    ) -> None:
        relationship = "<Relationship Type='{}/officeDocument' Target='/{}'/>"
        style = "<w:style w:styleId='S'><w:name w:val='heading 2'/></w:style>"
        body = "<w:p><w:pPr><w:pStyle w:val='S'/></w:pPr><w:r><w:t>title</w:t></w:r></w:p>"
        for folder in ("", "word/", "one/two/"):
            parts = {
                "_rels/.rels": f"<r>{relationship.format('x', f'{folder}main.xml')}</r>".encode(),
                f"{folder}main.xml": wordml(body),
                f"{folder}styles.xml": wordml(style),
                f"{folder}endnotes.xml": wordml(paragraph("note")),
            }
            with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
                for name, content in parts.items():
                    archive.writestr(name, content)
            parsed = parse(tmp_path / "a.docx")
            assert parsed.text == "title\n\nnote"
            assert [(h.start, h.end, h.level) for h in parsed.headings] == [(0, 5, 2)]

    def test_deep_nesting_costs_nothing(self, tmp_path: Path) -> None:
        body = "<w:sdt>" * 100_000 + paragraph("deep") + "</w:sdt>" * 100_000
        path = package(tmp_path / "a.docx", {"word/document.xml": wordml(body)})
        assert parse(path).text == "deep"

    def test_heading_levels_are_inherited_and_bounded(self, tmp_path: Path) -> None:
        style = "<w:style w:styleId='{}'><w:name w:val='{}'/>{}</w:style>"
        styles = (
            style.format("H", "heading 3", "")
            + style.format("Mine", "Mine", "<w:basedOn w:val='H'/>")
            + style.format("Loop", "Loop", "<w:basedOn w:val='Loop'/>")
        )
        words = "<w:p><w:pPr><w:pStyle w:val='{0}'/></w:pPr><w:r><w:t>{0}</w:t></w:r></w:p>"
        body = words.format("Mine") + words.format("Loop") + words.format("Gone")
        parts = {"word/document.xml": wordml(body), "word/styles.xml": wordml(styles)}
        parsed = parse(package(tmp_path / "a.docx", parts))
        assert [(h.start, h.end, h.level) for h in parsed.headings] == [(0, 4, 3)]

    @pytest.mark.parametrize(
        ("style", "level"),
        [
            ("<w:name w:val='Title'/>", 1),
            ("<w:name w:val='Heading 9'/>", 9),
            ("<w:name w:val='heading 10'/>", None),
            ("<w:name w:val='heading'/>", None),
            ("<w:name w:val='Subtitle'/>", None),
            ("<w:name w:val='Mine'/><w:pPr><w:outlineLvl w:val='0'/></w:pPr>", 1),
            ("<w:name w:val='Mine'/><w:pPr><w:outlineLvl w:val='8'/></w:pPr>", 9),
            ("<w:name w:val='heading 2'/><w:pPr><w:outlineLvl w:val='9'/></w:pPr>", None),
            ("<w:name w:val='heading 2'/><w:pPr><w:outlineLvl w:val='x'/></w:pPr>", None),
            ("<w:name w:val='Mine'/><w:basedOn w:val='Absent'/>", None),
        ],
    )
    def test_a_style_is_a_heading_by_its_name_or_its_place_in_the_outline(
        self, tmp_path: Path, style: str, level: int | None
    ) -> None:
        styles = f"<w:style w:styleId='S'>{style}</w:style>"
        body = "<w:p><w:pPr><w:pStyle w:val='S'/></w:pPr><w:r><w:t>words</w:t></w:r></w:p>"
        parts = {"word/document.xml": wordml(body), "word/styles.xml": wordml(styles)}
        parsed = parse(package(tmp_path / "a.docx", parts))
        assert [h.level for h in parsed.headings] == ([] if level is None else [level])

    def test_a_paragraph_may_take_a_place_in_the_outline_or_leave_it(self, tmp_path: Path) -> None:
        styles = "<w:style w:styleId='S'><w:name w:val='heading 1'/></w:style>"
        outline = "<w:outlineLvl w:val='{}'/>"
        body = "".join(
            f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"
            for words, properties in (
                ("plain", ""),
                ("third", outline.format(2)),
                ("text", "<w:pStyle w:val='S'/>" + outline.format(9)),
            )
        )
        parts = {"word/document.xml": wordml(body), "word/styles.xml": wordml(styles)}
        parsed = parse(package(tmp_path / "a.docx", parts))
        assert [(parsed.text[h.start : h.end], h.level) for h in parsed.headings] == [("third", 3)]

    @pytest.mark.parametrize(
        ("title", "expected"),
        [("<title>  The\n charter </title>", "The charter"), ("<title/>", "words"), ("", "words")],
    )
    def test_the_title_is_that_of_the_properties_or_the_first_heading(
        self, tmp_path: Path, title: str, expected: str
    ) -> None:
        body = (
            "<w:p><w:pPr><w:outlineLvl w:val='3'/></w:pPr><w:r><w:t>words</w:t></w:r></w:p>"
            "<w:p><w:r><w:t>rest</w:t></w:r></w:p>"
        )
        properties = f"<properties>{title}</properties>".encode()
        parts = {"word/document.xml": wordml(body), "docProps/core.xml": properties}
        assert parse(package(tmp_path / "a.docx", parts)).title == expected


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty_document"),
            (b"PK\x03\x04 nothing more", "malformed"),
            (b"\x00\x01" * 5_000, "malformed"),
            (b"\xd0\xcf\x11\xe0 old .doc", "malformed"),
            (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        ],
    )
    def test_says_what_is_wrong_with_the_file(
        self, tmp_path: Path, content: bytes, code: str
    ) -> None:
        path = tmp_path / "a.docx"
        path.write_bytes(content)
        assert failure(path) == code

    @pytest.mark.parametrize("doctype", [LAUGHS, XXE])
    def test_refuses_entities(self, tmp_path: Path, doctype: str) -> None:
        name = "&i;" if doctype is LAUGHS else "&e;"
        main = wordml(paragraph(name), doctype=doctype)
        assert failure(package(tmp_path / "a.docx", {"word/document.xml": main})) == "malformed"

    def test_refuses_what_inflates_too_far(self, tmp_path: Path) -> None:
        path = write_bomb(tmp_path / "a.docx", 3)
        with pytest.raises(ParseError) as caught:
            parse(path, max_inflated=ByteSize(2 * 2**20))
        assert caught.value.code == "too_large"

    @pytest.mark.parametrize(
        "main", [b"<w:document", b"", wordml("<w:p>").replace(b"UTF-8", b"nonsense")]
    )
    def test_refuses_broken_xml(self, tmp_path: Path, main: bytes) -> None:
        assert failure(package(tmp_path / "a.docx", {"word/document.xml": main})) == "malformed"

    def test_refuses_other_zip_archives(self, tmp_path: Path) -> None:
        assert failure(package(tmp_path / "a.docx", {"hello.txt": b"hello"})) == "malformed"

    def test_refuses_other_office_documents(self, tmp_path: Path) -> None:
        assert failure(write_xlsx(tmp_path / "a.docx")) == "malformed"
        assert failure(write_pptx(tmp_path / "b.docx")) == "malformed"

    def test_refuses_an_empty_document(self, tmp_path: Path) -> None:
        main = {"word/document.xml": wordml("<w:p/>")}
        assert failure(package(tmp_path / "a.docx", main)) == "empty_document"

    def test_refuses_an_encrypted_part(self, tmp_path: Path) -> None:
        path = package(tmp_path / "a.docx", {"word/document.xml": wordml(paragraph("a"))})
        raw = bytearray(path.read_bytes())
        at = raw.index(b"PK\x01\x02")
        while at >= 0:
            raw[at + 8] |= 1  # the flag of encryption in the central directory
            at = raw.find(b"PK\x01\x02", at + 1)
        path.write_bytes(raw)
        with zipfile.ZipFile(path) as archive:
            assert archive.infolist()[0].flag_bits & 1
        assert failure(path) == "encrypted"

    def test_any_damaged_byte_gives_a_document_or_a_parse_error(self, tmp_path: Path) -> None:
        whole = package(tmp_path / "a.docx", {"word/document.xml": wordml(paragraph("a"))})
        raw = whole.read_bytes()
        refused = 0
        for at in range(0, len(raw), 3):
            whole.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
            try:
                parse(whole)
            except ParseError:
                refused += 1
        assert refused > 0
