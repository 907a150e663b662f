import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.identity.compact import MAX_NESTING, read_compact, read_object
from muniment.identity.refusals import TokenRefusedError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=30,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


class TestReadObject:
    @settings(max_examples=50, deadline=None)
    @given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
    def test_reads_all_shallow_json_as_json_does(self, value: dict[str, object]) -> None:
        raw = json.dumps(value).encode()
        if depth(value) <= MAX_NESTING:
            assert read_object(raw) == value
        else:
            with pytest.raises(TokenRefusedError):
                read_object(raw)

    @given(st.text(alphabet='[{"\\}]:,1 ', max_size=200))
    def test_refuses_or_reads_any_rubbish_and_nothing_deep(self, text: str) -> None:
        try:
            value = read_object(text.encode())
        except TokenRefusedError:
            return
        assert depth(value) <= MAX_NESTING


class TestReadCompact:
    @given(st.text(max_size=100))
    def test_refuses_any_text_that_is_no_token(self, text: str) -> None:
        with pytest.raises(TokenRefusedError):
            read_compact(text)
