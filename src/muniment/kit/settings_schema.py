"""The settings as a list: every name that exists, its type, its default and what it means.

The loader looks names up here, and the reference page is written from it, so the two agree.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, JsonValue, SecretStr
from pydantic.fields import FieldInfo

from muniment.kit.durations import format_duration

ENV_PREFIX = "MUNIMENT_"
DELIMITER = "__"
SettingPath = tuple[str, ...]

_UNIONS = (Union, types.UnionType)
_PLUGIN_TABLE = FieldInfo.from_annotation(dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting as its model declares it."""

    path: SettingPath
    field: FieldInfo

    @property
    def name(self) -> str:
        """Name in the TOML file, with the tables before it."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """Name of its environment variable."""
        return ENV_PREFIX + DELIMITER.join(self.path).upper()

    @property
    def type_name(self) -> str:
        """Its type in words that need no Python."""
        return describe_type(self.field.annotation)

    @property
    def default(self) -> str:
        """Its default as it would be written in the TOML file."""
        return _describe_default(self.field)

    @property
    def meaning(self) -> str:
        """What it is for."""
        return self.field.description or ""


def list_fields(model: type[BaseModel], path: SettingPath = ()) -> Iterator[SettingField]:
    """List every setting of a model and of the models in it; tables of a list once, as `[]`."""
    for name, field in model.model_fields.items():
        here = (*path, name)
        inner = find_model(field.annotation)
        if inner is not None:
            yield from list_fields(inner, here)
            continue
        yield SettingField(here, field)
        item = find_item_model(field.annotation)
        if item is not None:
            yield from list_fields(item, (*path, f"{name}[]"))


def find_model(annotation: object) -> type[BaseModel] | None:
    """Give the model that an annotation is, if it is one (or nothing)."""
    bare = strip_optional(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def find_item_model(annotation: object) -> type[BaseModel] | None:
    """Give the model of the items of a list or table, if they are models."""
    arguments = [item for item in get_args(strip_optional(annotation)) if item is not Ellipsis]
    return find_model(arguments[-1]) if arguments else None


def find_setting(model: type[BaseModel], path: SettingPath) -> FieldInfo | None:
    """Find the setting of a path, or the entry of a table whose names are free."""
    annotation: object = model
    field: FieldInfo | None = None
    for name in path:
        field = find_field(annotation, name)
        if field is None:
            return None
        annotation = field.annotation
    # The table of a plug-in is written setting by setting, so that misspelt names beside it show.
    return None if field is _PLUGIN_TABLE else field


def find_field(annotation: object, name: str) -> FieldInfo | None:
    """Give what a name means inside a table, if anything."""
    model = find_model(annotation)
    if model is None:
        return _entry_of(annotation) if name else None
    if name in model.model_fields:
        return model.model_fields[name]
    return _PLUGIN_TABLE if model.model_config.get("extra") == "allow" else None


def _entry_of(annotation: object) -> FieldInfo | None:
    bare = strip_optional(annotation)
    origin, arguments = get_origin(bare), get_args(bare)
    is_table = isinstance(origin, type) and issubclass(origin, Mapping)
    return FieldInfo.from_annotation(arguments[-1]) if is_table else None


def strip_optional(annotation: object) -> object:
    """Take `Annotated` and `| None` away from an annotation."""
    if get_origin(annotation) is Annotated:
        return strip_optional(get_args(annotation)[0])
    if get_origin(annotation) in _UNIONS:
        kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
        return strip_optional(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def describe_type(annotation: object) -> str:
    """Name a type for people who write settings."""
    bare = strip_optional(annotation)
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in _UNIONS:
        return " or ".join(dict.fromkeys(describe_type(kind) for kind in arguments))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of {describe_type(arguments[-1])}"
    if origin is not None and arguments:
        return f"list of {describe_type(arguments[0])}"
    return _describe_class(bare)


_CLASS_WORDS: tuple[tuple[type, str], ...] = (
    (SecretStr, "secret text"),
    (timedelta, "duration"),
    (bool, "true or false"),
    (int, "whole number"),
    (float, "number"),
    (Path, "path"),
    (BaseModel, "table"),
)


def _describe_class(kind: object) -> str:
    if not isinstance(kind, type):
        return "value"
    if issubclass(kind, Enum):
        return kind.__name__.lower()
    word = next((word for known, word in _CLASS_WORDS if issubclass(kind, known)), None)
    if word is not None:
        return word
    return "network" if "Network" in kind.__name__ else "text"


def _describe_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, Path):
        return "chosen by the platform"
    return _describe_value(value)


def _describe_value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return f'`"{format_duration(value)}"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, Mapping):
        plain = all(isinstance(item, str) for item in value.values())
        inside = ", ".join(f'{name} = "{item}"' for name, item in value.items())
        return f"`{{ {inside} }}`".replace("{  }", "{}") if plain else "built in"
    if isinstance(value, tuple | list):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f"`{value}`"
