from pathlib import Path

import openpyxl
import pytest

from muniment.adapters.parsers.container import ContainerSettings
from muniment.adapters.parsers.xlsx import XlsxParser
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.support.documents import package
from tests.support.samples import TITLE, write_xlsx, zipped

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def parse(path: Path) -> ParsedDocument:
    return XlsxParser(ContainerSettings()).parse(path, "any")


def workbook(path: Path, rows: str, *, strings: str = "", book: str = "") -> Path:
    """Write a spreadsheet of one sheet by hand."""
    kinds = {"sheet": "worksheet", "strings": "sharedStrings"}
    targets = "".join(
        f'<Relationship Id="{part}" Type="{OFFICE}/{kind}" Target="{part}.xml"/>'
        for part, kind in kinds.items()
    )
    return zipped(
        path,
        {
            "xl/workbook.xml": (
                f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{book}<sheets>'
                '<sheet name="S" sheetId="1" r:id="sheet"/></sheets></workbook>'
            ),
            "xl/_rels/workbook.xml.rels": f"<Relationships>{targets}</Relationships>",
            "xl/strings.xml": f"<sst>{strings}</sst>",
            "xl/sheet.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
        },
    )


class TestParse:
    def test_gives_sheets_as_headings_and_rows_with_names(self, tmp_path: Path) -> None:
        parsed = parse(write_xlsx(tmp_path / "a.xlsx"))
        assert parsed.text == (
            "Tolls & fees\n\nBridge; Toll; Since; Share\n\n"
            "Bridge: North <old>; Toll: 5; Since: 2026-03-01; Share: 12.5%\n\n"
            "Bridge: South; Toll: 2.5; Since: 2026-03-01; Share: 12.5%"
        )
        assert [(parsed.text[h.start : h.end], h.level) for h in parsed.headings] == [
            ("Tolls & fees", 1)
        ]
        assert parsed.title == TITLE

    @pytest.mark.parametrize(
        ("cell", "words"),
        [
            ('<c r="A1" t="s"><v>0</v></c>', "shared"),
            ('<c r="A1" t="inlineStr"><is><t>in</t><r><t>line</t></r></is></c>', "inline"),
            ('<c r="A1" t="str"><f>A2&amp;""</f><v>result</v></c>', "result"),
            ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
            ('<c r="A1" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
            ('<c r="A1" t="d"><v>2026-03-01</v></c>', "2026-03-01"),
            ("<c><v>7</v></c>", "7"),
            ('<c r="A1" s="9999999999999"><v>7</v></c>', "7"),
            ('<c r="A1" t="inlineStr"><is><t>kanji</t><rPh><t>aid</t></rPh></is></c>', "kanji"),
        ],
    )
    def test_reads_each_kind_of_cell(self, tmp_path: Path, cell: str, words: str) -> None:
        strings = "<si><t>sha</t><r><t>red</t></r><rPh><t>aid</t></rPh></si>"
        path = workbook(tmp_path / "a.xlsx", f'<row r="1">{cell}</row>', strings=strings)
        assert parse(path).text == f"S\n\n{words}"

    def test_a_formula_that_was_never_computed_shows_nothing(self, tmp_path: Path) -> None:
        rows = '<row r="1"><c r="A1"><f>1+1</f></c><c r="B1"><v>3</v></c></row>'
        assert parse(workbook(tmp_path / "a.xlsx", rows)).text == "S\n\n3"

    def test_columns_are_told_by_the_reference(self, tmp_path: Path) -> None:
        row = '<row r="{0}"><c r="AB{0}" t="inlineStr"><is><t>{1}</t></is></c>{2}</row>'
        first = row.format(1, "Far", '<c r="B1" t="inlineStr"><is><t>Near</t></is></c>')
        second = row.format(2, "f", '<c r="B2"><v>5</v></c>')
        assert parse(workbook(tmp_path / "a.xlsx", first + second)).text == (
            "S\n\nNear; Far\n\nNear: 5; Far: f"
        )

    def test_a_string_that_is_not_there_is_empty(self, tmp_path: Path) -> None:
        rows = '<row><c t="s"><v>5</v></c><c t="s"><v>-1</v></c><c><v>1</v></c></row>'
        assert parse(workbook(tmp_path / "a.xlsx", rows)).text == "S\n\n1"

    def test_a_gap_ends_a_block_whether_its_rows_are_written_or_not(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        for at, row in {
            1: ("Name", "Age"),
            2: ("Ann", 3),
            5: ("Bolt", "Price"),
            6: ("M3", 1),
        }.items():
            for column, value in enumerate(row, 1):
                book.active.cell(at, column, value)
        book.save(tmp_path / "a.xlsx")
        assert parse(tmp_path / "a.xlsx").text.endswith("Bolt; Price\n\nBolt: M3; Price: 1")


class TestRefusals:
    def test_only_hidden_sheets_are_an_empty_document(self, tmp_path: Path) -> None:
        path = tmp_path / "a.xlsx"
        assert self.code(workbook(path, "<row><c/></row>")) == "empty_document"

    def test_other_containers_are_told(self, tmp_path: Path) -> None:
        path = package(tmp_path / "a.xlsx", {"word/document.xml": b"<document/>"})
        assert self.code(path) == "malformed"

    def test_one_long_string_written_many_times_is_given_up(self, tmp_path: Path) -> None:
        rows = "<row>" + '<c t="s"><v>0</v></c>' * 100 + "</row>"
        strings = f"<si><t>{'many words ' * 1_000}</t></si>"
        path = workbook(tmp_path / "a.xlsx", rows * 100, strings=strings)
        assert path.stat().st_size < 50_000
        assert self.code(path) == "too_large"

    def code(self, path: Path) -> str:
        with pytest.raises(ParseError) as caught:
            parse(path)
        return caught.value.code
