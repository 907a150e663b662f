from collections.abc import Sequence

import pytest

from muniment.adapters.parsers.flow import TextFlow
from muniment.adapters.parsers.rows import RowWriter
from muniment.ports.parsing import ParseError


def written(rows: Sequence[Sequence[str]], heading: str = "") -> list[str]:
    flow = TextFlow()
    writer = RowWriter(flow, heading)
    for row in rows:
        writer.write({column: cell for column, cell in enumerate(row) if cell})
    writer.finish()
    text, _ = flow.finish()
    return text.split("\n\n") if text else []


class TestNames:
    def test_each_row_can_be_read_alone(self) -> None:
        assert written([["Name", "City"], ["Ann", "Berlin"], ["Bob", "Paris"]]) == [
            "Name; City",
            "Name: Ann; City: Berlin",
            "Name: Bob; City: Paris",
        ]

    @pytest.mark.parametrize(
        "first",
        [
            pytest.param(["Ann", "33"], id="number"),
            pytest.param(["Ann", "2026-03-01"], id="date"),
            pytest.param(["Ann", "5 %"], id="percentage"),
            pytest.param(["Ann", "1.5e3"], id="exponent"),
            pytest.param(["Ann", "Ann"], id="twice-the-same"),
            pytest.param(["Ann", "ann@town.test"], id="address"),
            pytest.param(["Ann", "https://town.test"], id="link"),
            pytest.param(["Ann", "TRUE"], id="truth"),
            pytest.param(["Ann", "1984"], id="one-year"),
            pytest.param(["1984", "1985"], id="only-years"),
            pytest.param(["Ann", "2020", "1984"], id="years-out-of-order"),
            pytest.param(["Ann", "long " * 40], id="a-paragraph"),
        ],
    )
    def test_a_row_of_values_names_nothing(self, first: list[str]) -> None:
        plain = "; ".join(" ".join(cell.split()) for cell in first)
        assert written([first, ["Bob", "Paris", "7"][: len(first)]])[0] == plain
        assert ": " not in written([first, ["Bob", "Paris", "7"][: len(first)]])[1]

    def test_years_in_their_order_are_names(self) -> None:
        rows = [["Region", "2025", "2024"], ["North", "1", "2"]]
        assert written(rows)[1] == "Region: North; 2025: 1; 2024: 2"

    def test_lines_above_the_names_stay_as_they_are(self) -> None:
        rows = [["Staff of 2026"], ["Author", "Ann"], ["Name", "City", "Age"], ["Bob", "Rome", "3"]]
        assert written(rows) == [
            "Staff of 2026",
            "Author; Ann",
            "Name; City; Age",
            "Name: Bob; City: Rome; Age: 3",
        ]

    def test_the_first_column_may_lack_a_name(self) -> None:
        rows = [["", "City", "Age"], ["Bob", "Rome", "3"]]
        assert written(rows)[1] == "Bob; City: Rome; Age: 3"

    def test_a_wider_row_keeps_its_last_values_bare(self) -> None:
        rows = [["A", "B"], *[["x", "1"]] * 20, ["y", "2", "extra"]]
        assert written(rows)[-1] == "A: y; B: 2; extra"

    def test_a_single_row_or_column_has_no_names(self) -> None:
        assert written([["Name", "City"]]) == ["Name; City"]
        assert written([["Name"], ["Ann"]]) == ["Name", "Ann"]


class TestBlocks:
    NAMES = (["Name", "Age"], ["Ann", "33"])

    def test_a_gap_inside_a_table_changes_nothing(self) -> None:
        assert written([*self.NAMES, [], ["Bob", "44"]])[-1] == "Name: Bob; Age: 44"

    def test_a_second_table_has_its_own_names(self) -> None:
        rows = [*self.NAMES, [], ["Article", "Price"], ["Bolt", "1.5"]]
        assert written(rows)[-2:] == ["Article; Price", "Article: Bolt; Price: 1.5"]

    def test_where_names_and_values_look_alike_nothing_is_claimed(self) -> None:
        rows = [["Name", "City"], ["Ann", "Rome"], [], ["Bob", "Paris"], ["Cid", "Oslo"]]
        assert written(rows)[-2:] == ["Bob; Paris", "Cid; Oslo"]

    def test_a_remark_below_the_table_gets_no_name(self) -> None:
        assert written([*self.NAMES, ["Source: the mayor"]])[-1] == "Source: the mayor"
        assert written([*self.NAMES, ["", "33"]])[-1] == "Age: 33"


class TestText:
    def test_a_cell_is_one_line(self) -> None:
        assert written([["a\n b\t c", "2"]]) == ["a b c; 2"]

    def test_a_row_without_end_is_refused(self) -> None:
        with pytest.raises(ParseError) as caught:
            written([["x" * 3_000_000, "y" * 3_000_000]])
        assert caught.value.code == "too_large"

    def test_long_rows_do_not_wait_for_others(self) -> None:
        rows = [["a", "b"], *[["x" * 3_000_000, "1"]] * 3]
        assert written(rows)[1].startswith("a: xxx")

    def test_the_heading_stands_above_the_first_row_only(self) -> None:
        assert written([["1"], ["2"]], "Sheet") == ["Sheet", "1", "2"]
        assert written([[], []], "Sheet") == []
