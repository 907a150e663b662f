from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from muniment.kit.durations import Duration
from muniment.kit.settings_schema import describe_type, find_setting, list_fields


class Colour(StrEnum):
    RED = "red"


class Inner(BaseModel):
    depth: int = Field(default=3, description="How deep.")


class Entry(BaseModel):
    name: str = Field(description="Which.")
    inner: Inner = Inner()


class Plugins(BaseModel):
    model_config = ConfigDict(extra="allow")

    chosen: str = Field(default="a", description="Which.")


class Root(BaseModel):
    plain: str = Field(description="Needed.")
    inner: Inner = Inner()
    maybe: Inner | None = Field(default=None, description="May be.")
    entries: tuple[Entry, ...] = Field(default=(), description="Many.")
    by_name: dict[str, Entry] = Field(default_factory=dict, description="Named.")
    words: Mapping[str, str] = Field(default={"a": "b"}, description="Words.")
    numbers: dict[str, int] = Field(default={"a": 1}, description="Numbers.")
    plugins: Plugins = Plugins()
    wait: Duration = Field(default=timedelta(minutes=5), description="How long.")
    is_on: bool = Field(default=False, description="Whether.")
    names: list[str] = Field(default=["x", "y"], description="Names.")
    folder: Path = Field(default_factory=Path.home, description="Where.")
    ratio: float = Field(default=0.5, description="How much.")


FIELDS = {field.name: field for field in list_fields(Root)}


class TestListFields:
    def test_lists_every_setting_once_with_its_tables(self) -> None:
        assert list(FIELDS) == [
            "plain",
            "inner.depth",
            "maybe.depth",
            "entries",
            "entries[].name",
            "entries[].inner.depth",
            "by_name",
            "by_name[].name",
            "by_name[].inner.depth",
            "words",
            "numbers",
            "plugins.chosen",
            "wait",
            "is_on",
            "names",
            "folder",
            "ratio",
        ]

    def test_names_the_variable_of_each(self) -> None:
        assert FIELDS["inner.depth"].variable == "MUNIMENT_INNER__DEPTH"
        assert FIELDS["inner.depth"].meaning == "How deep."

    @pytest.mark.parametrize(
        ("name", "default"),
        [
            ("plain", "required"),
            ("entries[].name", "required"),
            ("inner.depth", "`3`"),
            ("entries", "`[]`"),
            ("by_name", "`{}`"),
            ("words", '`{ a = "b" }`'),
            ("numbers", "built in"),
            ("wait", '`"PT5M"`'),
            ("is_on", "`false`"),
            ("names", '`["x", "y"]`'),
            ("folder", "chosen by the platform"),
            ("ratio", "`0.5`"),
        ],
    )
    def test_writes_defaults_as_the_file_would_hold_them(self, name: str, default: str) -> None:
        assert FIELDS[name].default == default


class TestDescribeType:
    @pytest.mark.parametrize(
        ("annotation", "words"),
        [
            (str, "text"),
            (SecretStr | None, "secret text"),
            (bool, "true or false"),
            (int, "whole number"),
            (float | None, "number"),
            (Duration, "duration"),
            (Path, "path"),
            (Colour, "colour"),
            (IPv4Network, "network"),
            (Inner, "table"),
            (Literal["a", "b"], "`a` or `b`"),
            (int | str, "whole number or text"),
            (int | bool | int, "whole number or true or false"),
            (tuple[Inner, ...], "list of table"),
            (frozenset[str], "list of text"),
            (dict[str, list[int]], "table of list of whole number"),
            (Annotated[Mapping[str, bool] | None, "note"], "table of true or false"),
            (JsonValue, "value"),
        ],
    )
    def test_needs_no_python_to_be_understood(self, annotation: object, words: str) -> None:
        assert describe_type(annotation) == words


class TestFindSetting:
    @pytest.mark.parametrize(
        "path",
        [
            ("plain",),
            ("inner",),
            ("inner", "depth"),
            ("maybe", "depth"),
            ("words", "anything"),
            ("by_name", "anything", "inner", "depth"),
            ("plugins", "chosen"),
            ("plugins", "mine", "setting"),
        ],
    )
    def test_finds_what_can_be_set(self, path: tuple[str, ...]) -> None:
        assert find_setting(Root, path) is not None

    @pytest.mark.parametrize(
        "path",
        [
            (),
            ("other",),
            ("inner", "width"),
            ("inner", "depth", "more"),
            ("plain", "more"),
            ("entries", "0", "name"),
            ("by_name", "x", "width"),
            ("words", ""),
            ("words", "a", "b"),
            ("plugins", "chosen", "more"),
            ("plugins", "mine"),
            ("Plain",),
        ],
    )
    def test_finds_nothing_else(self, path: tuple[str, ...]) -> None:
        assert find_setting(Root, path) is None
