import pytest

from muniment.adapters.parsers.cellformats import CellFormat, format_of_code, show


class TestFormatOfCode:
    @pytest.mark.parametrize(
        ("code", "meant"),
        [
            ("General", CellFormat.NUMBER),
            ("0.00", CellFormat.NUMBER),
            ('#,##0.00\\ "days"', CellFormat.NUMBER),
            ("[Red]-0.0", CellFormat.NUMBER),
            ("_-* #,##0_-", CellFormat.NUMBER),
            ("[$-407]dd.mm.yyyy", CellFormat.DATE),
            ("mmm yy", CellFormat.DATE),
            ("yyyy-mm-dd hh:mm", CellFormat.MOMENT),
            ("h:mm AM/PM", CellFormat.TIME),
            ("mm:ss", CellFormat.TIME),
            ("[h]:mm:ss", CellFormat.ELAPSED),
            ("0.0%", CellFormat.PERCENT),
            ("0;-0;;@", CellFormat.NUMBER),
            ("", CellFormat.NUMBER),
        ],
    )
    def test_tells_what_a_number_means(self, code: str, meant: CellFormat) -> None:
        assert format_of_code(code) is meant


class TestShow:
    @pytest.mark.parametrize(
        ("number", "meant", "words"),
        [
            ("46082", CellFormat.DATE, "2026-03-01"),
            ("46082.5", CellFormat.DATE, "2026-03-01 12:00"),
            ("46082.25", CellFormat.MOMENT, "2026-03-01 06:00"),
            ("46082", CellFormat.MOMENT, "2026-03-01 00:00"),
            ("46082.999999999", CellFormat.DATE, "2026-03-02"),
            ("0.395833333333333", CellFormat.TIME, "09:30"),
            ("0.000011574074074", CellFormat.TIME, "00:00:01"),
            ("1.5", CellFormat.ELAPSED, "36:00:00"),
            ("0.125", CellFormat.PERCENT, "12.5%"),
            ("0.30000000000000004", CellFormat.NUMBER, "0.3"),
            ("12345678901234567890", CellFormat.NUMBER, "12345678901234567890"),
            ("-7", CellFormat.NUMBER, "-7"),
            ("1E-3", CellFormat.NUMBER, "0.001"),
            ("12", CellFormat.DATE, "12"),
            ("-1", CellFormat.DATE, "-1"),
            ("1e300", CellFormat.DATE, "1e+300"),
            ("nan", CellFormat.DATE, "nan"),
            ("inf", CellFormat.ELAPSED, "inf"),
            ("words", CellFormat.DATE, "words"),
        ],
    )
    def test_writes_what_a_reader_sees(self, number: str, meant: CellFormat, words: str) -> None:
        assert show(number, meant) == words

    def test_knows_the_calendar_of_old_macs(self) -> None:
        assert show("44620", CellFormat.DATE, counts_from_1904=True) == "2026-03-01"
