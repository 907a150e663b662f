import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from muniment.kit.merge_patch import merge_patch

# The examples of RFC 7396, appendix A: original, patch, result.
EXAMPLES = """
{"a":"b"} | {"a":"c"} | {"a":"c"}
{"a":"b"} | {"b":"c"} | {"a":"b","b":"c"}
{"a":"b"} | {"a":null} | {}
{"a":"b","b":"c"} | {"a":null} | {"b":"c"}
{"a":["b"]} | {"a":"c"} | {"a":"c"}
{"a":"c"} | {"a":["b"]} | {"a":["b"]}
{"a":{"b":"c"}} | {"a":{"b":"d","c":null}} | {"a":{"b":"d"}}
{"a":[{"b":"c"}]} | {"a":[1]} | {"a":[1]}
["a","b"] | ["c","d"] | ["c","d"]
{"a":"b"} | ["c"] | ["c"]
{"a":"foo"} | null | null
{"a":"foo"} | "bar" | "bar"
{"e":null} | {"a":1} | {"e":null,"a":1}
[1,2] | {"a":"b","c":null} | {"a":"b"}
{} | {"a":{"bb":{"ccc":null}}} | {"a":{"bb":{}}}
"""


NAMES = st.sampled_from(["a", "b", "", "ä"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def _has_null_member(value: JsonValue) -> bool:
    """Tell whether null stands where a patch would remove: in an object, not in a list."""
    if not isinstance(value, dict):
        return False
    return any(inner is None or _has_null_member(inner) for inner in value.values())


def _without_null_members(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    return {k: _without_null_members(v) for k, v in value.items() if v is not None}


class TestLaws:
    @given(VALUES, VALUES)
    def test_the_second_time_changes_nothing(self, target: JsonValue, patch: JsonValue) -> None:
        once = merge_patch(target, patch)
        assert merge_patch(once, patch) == once

    @given(VALUES, VALUES)
    def test_neither_side_is_touched(self, target: JsonValue, patch: JsonValue) -> None:
        before = copy.deepcopy((target, patch))
        merge_patch(target, patch)
        assert (target, patch) == before

    @given(VALUES)
    def test_an_empty_patch_keeps_every_object(self, target: JsonValue) -> None:
        assert merge_patch(target, {}) == (target if isinstance(target, dict) else {})

    @given(VALUES)
    def test_a_patch_of_nothing_is_its_values_without_the_nulls(self, patch: JsonValue) -> None:
        assert merge_patch(None, patch) == _without_null_members(patch)

    @given(VALUES, VALUES)
    def test_what_the_patch_does_not_name_stays(self, target: JsonValue, patch: JsonValue) -> None:
        merged = merge_patch(target, patch)
        if isinstance(target, dict) and isinstance(patch, dict):
            assert isinstance(merged, dict)
            for name in target.keys() - patch.keys():
                assert merged[name] == target[name]
            assert not merged.keys() & {name for name, value in patch.items() if value is None}

    @given(VALUES)
    def test_no_removal_is_written_down_as_a_null(self, patch: JsonValue) -> None:
        assert not _has_null_member(merge_patch({}, patch))


class TestMergePatch:
    @pytest.mark.parametrize("line", EXAMPLES.strip().splitlines())
    def test_agrees_with_the_rfc(self, line: str) -> None:
        original, patch, result = (json.loads(part) for part in line.split(" | "))
        assert merge_patch(original, patch) == result

    def test_leaves_the_original_alone(self) -> None:
        original: JsonValue = {"a": {"b": 1}}
        merge_patch(original, {"a": {"b": 2}})
        assert original == {"a": {"b": 1}}
