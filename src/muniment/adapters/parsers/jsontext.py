r"""JSON and JSON lines (RFC 8259): record by record, every value with its name.

Not the source as it is, unlike Markdown: people do not read JSON as source. It spells `é` as
`\u00e9`, may stand in one line, and a quote of `"city": "Berlin"` would not say whose city. So an
object of a list is one line, `name: Alice; city: Berlin`, which can be quoted alone. What is nested
in it keeps the way there in its name (`address.city`). Numbers stay as written, and names that come
twice come twice. Only what is empty is left out.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, Union

from pydantic import BaseModel, ByteSize, ConfigDict, Field

from muniment.adapters.parsers.canonical import read_text, require_text, settle
from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.kit.plugins import PluginFactory
from muniment.ports.parsing import ParsedDocument, ParseError

_JSON = "application/json"
_LINES = "application/jsonl"
_DEEPEST = 100
_LONGEST_LIST = 400
_LONGEST_NEIGHBOUR = 40
_MOST_PAIRS = 8

_Value: TypeAlias = Union["_Object", "list[_Value]", str, bool, None]


@dataclass(frozen=True, slots=True)
class _Object:
    """The members as they come: a dict would lose names that come twice."""

    members: list[tuple[str, _Value]]


class JsonParserSettings(BaseModel):
    """Limits of the reader of JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_source: ByteSize = Field(
        default=ByteSize(16 * 2**20),
        description="Longest source of one value; in memory it takes up to thirty times as much.",
    )


class JsonParser:
    """Reads JSON (.json) and JSON lines (.jsonl, .ndjson)."""

    media_types = frozenset({_JSON, _LINES})
    revision = "json-1"

    def __init__(self, settings: JsonParserSettings) -> None:
        self._settings = settings

    def parse(self, path: Path, media_type: str, /) -> ParsedDocument:
        """Read a JSON file. Raises ParseError."""
        source = require_text(read_text(path))
        writer = _Writer()
        if media_type == _JSON:
            writer.write("", self._load(source, None), 0, in_list=False)
        else:
            for number, line in enumerate(source.split("\n"), 1):
                if line.strip():
                    writer.write("", self._load(line, number), 0, in_list=True)
        return ParsedDocument(require_text(writer.flow.finish()[0]))

    def _load(self, source: str, line: int | None) -> _Value:
        if len(source) > self._settings.max_source:
            raise ParseError(
                "too_large",
                "The file holds more JSON than is read at once; split it, or use lines (.jsonl).",
            )
        try:
            loaded: _Value = json.loads(
                source,
                object_pairs_hook=_Object,
                parse_int=str,
                parse_float=str,
                parse_constant=str,
            )
        except json.JSONDecodeError as error:
            place = f"line {line or error.lineno}, column {error.colno}"
            hint = " Lines of records belong into a .jsonl file." if _is_lines(error) else ""
            raise ParseError("malformed", f"The JSON has a fault in {place}.{hint}") from error
        except RecursionError as error:
            raise _too_deep() from error
        return loaded


def _is_lines(error: json.JSONDecodeError) -> bool:
    return error.msg == "Extra data" and error.lineno > 1


class _Writer:
    """Writes values into a text flow: a paragraph for each record."""

    def __init__(self) -> None:
        self.flow = TextFlow()

    def write(self, name: str, value: _Value, depth: int, *, in_list: bool) -> None:
        """Write a value under its name."""
        if depth > _DEEPEST:
            raise _too_deep()
        if isinstance(value, _Object):
            self._write_object(name, value, depth, in_list=in_list)
        elif (short := _short(value)) is not None:
            self._write_paragraph(_pair(name, short))
        elif isinstance(value, list):
            for element in _gathered(value):
                self.write(name, element, depth + 1, in_list=True)
        else:
            self._write_paragraph(_pair(name, _words(value)))

    def _write_object(self, name: str, value: _Object, depth: int, *, in_list: bool) -> None:
        """Write what fits into a line, then what needs lines of its own."""
        pairs: list[str] = []
        later: list[tuple[str, _Value]] = []
        for path, member in _members(name, value, depth, inner=in_list):
            short = _short(member)
            if short is None:
                later.append((path, member))
            elif short:
                pairs.append(_pair(path, short))
        if in_list or len(pairs) <= _MOST_PAIRS:
            self._write_paragraph("; ".join(pairs))
        else:
            for pair in pairs:
                self._write_paragraph(pair)
        for path, member in later:
            self.write(path, member, depth + 1, in_list=False)

    def _write_paragraph(self, words: str) -> None:
        if words:
            self.flow.add_literal(words)
            self.flow.break_at(Break.PARAGRAPH)


def _members(name: str, value: _Object, depth: int, *, inner: bool) -> Iterator[tuple[str, _Value]]:
    """Give the members by their paths; those of inner objects too when they share the line."""
    if depth > _DEEPEST:
        raise _too_deep()
    for key, member in value.members:
        path = f"{name}.{_line(key)}" if name else _line(key)
        if inner and isinstance(member, _Object):
            yield from _members(path, member, depth + 1, inner=True)
        else:
            yield path, member


def _short(value: _Value) -> str | None:
    """Give a value that is written within a line; None when it needs lines of its own."""
    if isinstance(value, _Object):
        return None
    if not isinstance(value, list):
        words = _words(value)
        return None if "\n" in words else words
    if any(isinstance(element, _Object | list) for element in value):
        return None
    joined = ", ".join(_words(element) for element in value)
    return None if "\n" in joined or len(joined) > _LONGEST_LIST else joined


def _gathered(values: list[_Value]) -> Iterator[_Value]:
    """Give the elements of a long list, short neighbours as lists that fit into a line."""
    line: list[_Value] = []
    length = 0
    for value in values:
        words = None if isinstance(value, list) else _short(value)
        is_short = words is not None and len(words) <= _LONGEST_NEIGHBOUR
        if line and (not is_short or length > _LONGEST_LIST - _LONGEST_NEIGHBOUR):
            yield line[0] if len(line) == 1 else line
            line, length = [], 0
        if is_short:
            line.append(value)
            length += len(words or "") + len(", ")
        else:
            yield value
    if line:
        yield line[0] if len(line) == 1 else line


def _words(value: _Value) -> str:
    if isinstance(value, str):
        return settle(value).strip()
    if value is None:
        return "null"
    return "true" if value else "false"


def _pair(name: str, words: str) -> str:
    return f"{name}: {words}" if name and words else words


def _line(words: str) -> str:
    return " ".join(settle(words).split())


def _too_deep() -> ParseError:
    return ParseError(
        "malformed", f"The values are nested deeper than {_DEEPEST} levels; nobody could read them."
    )


PLUGIN = PluginFactory(JsonParserSettings, JsonParser)
