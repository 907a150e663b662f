import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.kit.byte_ranges import ByteRange, RangeNotSatisfiableError, WantedPart

TAG = '"abc"'


class TestWantedPart:
    @pytest.mark.parametrize(
        ("header", "part"),
        [
            ("bytes=0-0", ByteRange(0, 1)),
            ("bytes=2-4", ByteRange(2, 5)),
            ("bytes=2-", ByteRange(2, 10)),
            ("bytes=9-999999999999999999", ByteRange(9, 10)),
            ("bytes=-3", ByteRange(7, 10)),
            ("bytes=-30", ByteRange(0, 10)),
            ("BYTES= 0-1 ", ByteRange(0, 2)),
        ],
    )
    def test_is_found(self, header: str, part: ByteRange) -> None:
        assert WantedPart(header).of(10, TAG) == part

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=4-2",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "bytes=+1-2",
            "bytes=1.0-2",
            "bytes=٣-٤",
            "lines=0-1",
            f"bytes=0-{'9' * 5000}",
        ],
    )
    def test_is_the_whole_where_no_single_part_can_be_read(self, header: str | None) -> None:
        assert WantedPart(header).of(10, TAG) is None

    @pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
    def test_that_lies_beyond_the_end_is_refused_with_the_size(self, header: str) -> None:
        with pytest.raises(RangeNotSatisfiableError) as refused:
            WantedPart(header).of(10, TAG)
        assert refused.value.headers["Content-Range"] == "bytes */10"

    @pytest.mark.parametrize(
        ("condition", "is_part"),
        [
            (None, True),
            (TAG, True),
            ('"other"', False),
            (f"W/{TAG}", False),
            ("Tue, 24 Nov 2026 12:00:00 GMT", False),
        ],
    )
    def test_depends_on_the_tag_that_the_caller_holds_a_part_of(
        self, condition: str | None, *, is_part: bool
    ) -> None:
        part = WantedPart("bytes=0-1", condition).of(10, TAG)
        assert (part is not None) is is_part
        # Nothing is refused on a condition that does not hold.
        assert is_part or WantedPart("bytes=99-", condition).of(10, TAG) is None

    @given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30))
    def test_never_leaves_what_there_is(self, first: int, last: int, size: int) -> None:
        content = bytes(range(size))
        try:
            part = WantedPart(f"bytes={first}-{last}").of(size, TAG)
        except RangeNotSatisfiableError:
            assert first >= size
            return
        if part is None:
            assert last < first
        else:
            assert content[part.start : part.end] == content[first : last + 1]
            assert part.size == len(content[first : last + 1]) > 0
            assert part.content_range(size) == f"bytes {first}-{part.end - 1}/{size}"
