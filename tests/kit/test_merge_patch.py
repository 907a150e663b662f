import json

import pytest
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


class TestMergePatch:
    @pytest.mark.parametrize("line", EXAMPLES.strip().splitlines())
    def test_agrees_with_the_rfc(self, line: str) -> None:
        original, patch, result = (json.loads(part) for part in line.split(" | "))
        assert merge_patch(original, patch) == result

    def test_leaves_the_original_alone(self) -> None:
        original: JsonValue = {"a": {"b": 1}}
        merge_patch(original, {"a": {"b": 2}})
        assert original == {"a": {"b": 1}}
