from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from muniment.kit.durations import Duration, format_duration

ADAPTER = TypeAdapter[timedelta](Duration)


class TestDuration:
    @pytest.mark.parametrize(
        ("written", "seconds"),
        [("PT5M", 300), ("P1D", 86_400), ("300", 300), (" 1.5 ", 1.5), (60, 60), ("PT0S", 0)],
    )
    def test_reads_iso_8601_and_seconds(self, written: object, seconds: float) -> None:
        assert ADAPTER.validate_python(written).total_seconds() == seconds

    @pytest.mark.parametrize(
        "written",
        ["-PT1S", -1, "-1", "soon", "", " ", "5 minutes", "1.", ".5", "9" * 400, "PT", "P"],
    )
    def test_refuses_everything_else(self, written: object) -> None:
        with pytest.raises(ValidationError):
            ADAPTER.validate_python(written)


class TestFormatDuration:
    @pytest.mark.parametrize(
        "written",
        ["P2D", "PT36H", "PT90S", "PT5M", "PT0.5S", "PT0S", "PT1234567S", "PT86399.999999S"],
    )
    def test_what_is_written_can_be_read(self, written: str) -> None:
        assert format_duration(ADAPTER.validate_python(written)) == written

    @given(st.timedeltas(timedelta(0), timedelta(days=36_500)))
    def test_no_length_is_rounded(self, length: timedelta) -> None:
        assert ADAPTER.validate_python(format_duration(length)) == length
