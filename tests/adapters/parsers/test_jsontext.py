import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ByteSize

from muniment.adapters.parsers.jsontext import JsonParser, JsonParserSettings
from muniment.ports.parsing import ParseError

LINES = "application/jsonl"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


def read(path: Path, source: str, media_type: str = "application/json", **limits: ByteSize) -> str:
    path.write_text(source, encoding="utf-8")
    return JsonParser(JsonParserSettings(**limits)).parse(path, media_type).text


def outcome(path: Path, source: str, media_type: str) -> str:
    try:
        return read(path, source, media_type)
    except ParseError as error:
        return error.code


class TestParse:
    @pytest.mark.parametrize(
        ("source", "text"),
        [
            (
                '[{"name": "Al\\u00e9", "age": 3}, {"name": "Bob"}]',
                "name: Alé; age: 3\n\nname: Bob",
            ),
            ('{"a": 1, "in": {"b": 2, "c": 3}}', "a: 1\n\nin.b: 2; in.c: 3"),
            ('{"list": [{"x": {"y": 1}, "z": 2}]}', "list.x.y: 1; list.z: 2"),
            ('{"tags": ["a", "b"], "grid": [[1, 2], [3]]}', "tags: a, b\n\ngrid: 1, 2\n\ngrid: 3"),
            (
                '{"n": 1.50, "big": 123456789012345678901234567890}',
                "n: 1.50; big: 123456789012345678901234567890",
            ),
            (
                '{"t": true, "f": false, "n": null, "i": Infinity}',
                "t: true; f: false; n: null; i: Infinity",
            ),
            ('{"a": 1, "a": 2}', "a: 1; a: 2"),
            ('{"text": "One.\\r\\nTwo.", "by": "Ann"}', "by: Ann\n\ntext: One.\nTwo."),
            ('{"a": "", "b": [], "c": {}, "d": 0}', "d: 0"),
            ('"only words"', "only words"),
            ('{"pair": "\\ud83d\\ude00", "half": "x\\ud83d"}', "pair: \U0001f600; half: x"),
            ('{"nul": "a\\u0000b"}', "nul: ab"),
            ("\ufeff[1, 2]", "1, 2"),
        ],
    )
    def test_gives_a_line_for_each_record(self, tmp_path: Path, source: str, text: str) -> None:
        assert read(tmp_path / "a.json", source) == text

    def test_a_long_list_of_settings_is_a_line_for_each(self, tmp_path: Path) -> None:
        source = json.dumps({f"key{n}": n for n in range(9)})
        assert read(tmp_path / "a.json", source).split("\n\n")[:2] == ["key0: 0", "key1: 1"]

    def test_a_long_list_is_cut_into_lines(self, tmp_path: Path) -> None:
        numbers = [*range(300), {"a": 1}, "x" * 900, "y", "long words " * 9, "z", "z"]
        lines = read(tmp_path / "a.json", json.dumps({"n": numbers})).split("\n\n")
        assert all(line.startswith("n") and len(line) < 1_000 for line in lines)
        assert ", ".join(line.removeprefix("n: ") for line in lines[:4]).startswith("0, 1, 2, 3, 4")
        assert lines[-5:] == [
            "n.a: 1",
            "n: " + "x" * 900,
            "n: y",
            "n: " + ("long words " * 9).strip(),
            "n: z, z",
        ]

    def test_lines_are_records(self, tmp_path: Path) -> None:
        source = '{"a": 1, "b": {"c": 2}}\n\n["x"]\r\n"words"\n'
        assert read(tmp_path / "a.jsonl", source, LINES) == "a: 1; b.c: 2\n\nx\n\nwords"

    @given(st.lists(VALUES, min_size=1, max_size=4))
    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
    )
    def test_any_value_gives_a_text_or_is_empty(self, tmp_path: Path, values: list[object]) -> None:
        whole, lines = json.dumps(values), "\n".join(map(json.dumps, values))
        for source, kind in ((whole, "application/json"), (lines, LINES)):
            assert outcome(tmp_path / "a", source, kind) not in {"", "malformed"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ('{"a": 1', "line 1, column 8"),
            ('{"a": 1}\n{"a": 2}', r"line 2, column 1\. Lines of records belong into a \.jsonl"),
            ("[" * 100_000, "nested deeper"),
            ("[" * 150 + "1" + "]" * 150, "nested deeper"),
            ('{"a":' * 150 + "1" + "}" * 150, "nested deeper"),
            ('[{"a":' + '{"a":' * 150 + "1" + "}" * 150 + "}]", "nested deeper"),
            ("{'a': 1}", "line 1, column 2"),
        ],
        ids=["cut-off", "lines", "open", "lists", "objects", "records", "quotes"],
    )
    def test_say_where_the_fault_is(self, tmp_path: Path, source: str, words: str) -> None:
        with pytest.raises(ParseError, match=words) as caught:
            read(tmp_path / "a.json", source)
        assert caught.value.code == "malformed"

    def test_name_the_line_of_a_record(self, tmp_path: Path) -> None:
        with pytest.raises(ParseError, match="line 2, column 5"):
            read(tmp_path / "a.jsonl", '{"a": 1}\n{"a"\n', LINES)

    def test_too_much_at_once_is_told(self, tmp_path: Path) -> None:
        limit = ByteSize(99)
        with pytest.raises(ParseError) as caught:
            read(tmp_path / "a.json", "[" + "1," * 50 + "1]", max_source=limit)
        assert caught.value.code == "too_large"
        lines = "[1, 2, 3]\n" * 50
        assert read(tmp_path / "a.jsonl", lines, LINES, max_source=limit).startswith("1, 2, 3\n\n")
