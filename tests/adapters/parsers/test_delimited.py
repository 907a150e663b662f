from pathlib import Path

import pytest

from muniment.adapters.parsers.delimited import DelimitedParser
from muniment.ports.parsing import ParseError


def read(path: Path, source: str | bytes, media_type: str = "text/csv") -> list[str]:
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    return DelimitedParser().parse(path, media_type).text.split("\n\n")


class TestParse:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    def test_the_separator_is_found(self, tmp_path: Path, separator: str) -> None:
        lines = [["Name", "Remark"], ["Ann", '"so, or so; or\tso|"'], ["Bob", "1"]]
        source = "\n".join(separator.join(line) for line in lines)
        assert read(tmp_path / "a.csv", source)[1:] == [
            "Name: Ann; Remark: so, or so; or so|",
            "Name: Bob; Remark: 1",
        ]

    def test_decimal_commas_do_not_cut_cells(self, tmp_path: Path) -> None:
        source = "Article;Price\nBolt;1,50\nNut;0,75\n"
        assert read(tmp_path / "a.csv", source)[1] == "Article: Bolt; Price: 1,50"

    def test_tabs_are_meant_in_tsv_whatever_else_is_there(self, tmp_path: Path) -> None:
        source = "a,b,c\td\n1,2,3\t4\n"
        assert read(tmp_path / "a.tsv", source, "text/tab-separated-values") == [
            "a,b,c; d",
            "a,b,c: 1,2,3; d: 4",
        ]

    def test_quoted_cells_may_hold_lines_and_quotation_marks(self, tmp_path: Path) -> None:
        source = 'a,b\r\n"one\r\ntwo","say ""x"""\r\n'
        assert read(tmp_path / "a.csv", source)[1] == 'a: one two; b: say "x"'

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
    def test_encodings_of_office_programs_are_read(self, tmp_path: Path, encoding: str) -> None:
        source = "Straße;Zahl\nÄußere;5\n".encode(encoding)
        assert read(tmp_path / "a.csv", source)[1] == "Straße: Äußere; Zahl: 5"

    def test_ten_thousand_rows_all_arrive(self, tmp_path: Path) -> None:
        source = "id,name\n" + "".join(f"{n},row {n}\n" for n in range(10_000))
        rows = read(tmp_path / "a.csv", source)
        assert len(rows) == 10_001
        assert rows[-1] == "id: 9999; name: row 9999"

    def test_prose_is_read_as_prose(self, tmp_path: Path) -> None:
        assert read(tmp_path / "a.csv", "Just words") == ["Just words"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("source", "code"),
        [(b"", "empty_document"), (b",,,\n,,\n", "empty_document"), (bytes(99), "malformed")],
    )
    def test_say_what_is_wrong(self, tmp_path: Path, source: bytes, code: str) -> None:
        with pytest.raises(ParseError) as caught:
            read(tmp_path / "a.csv", source)
        assert caught.value.code == code

    def test_a_missing_quotation_mark_does_not_swallow_the_rest(self, tmp_path: Path) -> None:
        source = 'a,b\n1,"two\n' + "3,four\n" * 200_000
        with pytest.raises(ParseError, match=r"near line \d+: .* quotation mark may be missing"):
            read(tmp_path / "a.csv", source)
