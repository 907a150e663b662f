"""Filters on the metadata of documents, in the shape of OpenAI's attribute filters.

A filter is typed by what it compares with: numbers compare with numbers, texts with texts, flags
with flags. A list of texts equals a text that it holds. A key that a document does not have, or
that has a value of another type, equals nothing; `ne` and `nin` are the exact opposites of `eq`
and `in`, so they hold there. `evaluate_metadata` is the oracle that the SQL is tested against.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypeAlias, assert_never

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
)
from sqlalchemy import ColumnElement, and_, column, false, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from muniment.kit.errors import FieldProblem, InvalidInputError
from muniment.kit.validation_faults import body_problems
from muniment.library.metadata import (
    MetadataJson,
    MetadataKey,
    MetadataNumber,
    MetadataScalar,
    MetadataText,
)
from muniment.library.models import Document

MAX_DEPTH: Final = 8
MAX_PARTS: Final = 128

Scalar: TypeAlias = bool | int | float | str
Ordered: TypeAlias = MetadataNumber | MetadataText


Key: TypeAlias = Annotated[MetadataKey, Field(description="Name of the metadatum.")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EqualityFilter(_Part):
    """The value of a key is, or is not, this one."""

    type: Literal["eq", "ne"] = Field(description="Equal, or not equal.")
    key: Key
    value: MetadataScalar = Field(description="What it is compared with, of the same type.")


class OrderFilter(_Part):
    """The value of a key is greater or smaller: numbers by size, texts by code points."""

    type: Literal["gt", "gte", "lt", "lte"] = Field(description="The comparison.")
    key: Key
    value: Ordered = Field(description="What it is compared with, of the same type.")


class MembershipFilter(_Part):
    """The value of a key is, or is not, one of these."""

    type: Literal["in", "nin"] = Field(description="One of the values, or none of them.")
    key: Key
    value: list[MetadataScalar] = Field(
        min_length=1, max_length=256, description="The values, each of the type of the metadatum."
    )


class CombinedFilter(_Part):
    """All of the filters hold, or at least one of them."""

    type: Literal["and", "or"] = Field(description="Whether all must hold, or one suffices.")
    filters: list["FilterPart"] = Field(
        min_length=1, max_length=64, description="The filters that are combined."
    )


FilterPart: TypeAlias = Annotated[
    EqualityFilter | OrderFilter | MembershipFilter | CombinedFilter, Field(discriminator="type")
]


def _bounded(value: object) -> object:
    """Refuse filters that are too deep or too large before anything walks down into them."""
    level: list[object] = [value]
    parts = depth = 0
    while level:
        depth += 1
        parts += len(level)
        if depth > MAX_DEPTH or parts > MAX_PARTS:
            raise ValueError(
                f"a filter has at most {MAX_DEPTH} levels and {MAX_PARTS} parts in all"
            )
        level = [inner for part in level for inner in _inner(part)]
    return value


def _inner(part: object) -> Iterable[object]:
    inner = part.get("filters") if isinstance(part, dict) else getattr(part, "filters", None)
    return inner if isinstance(inner, list) else ()


MetadataFilter = Annotated[FilterPart, BeforeValidator(_bounded)]
"""A filter as callers write it."""

CombinedFilter.model_rebuild()
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_FILTER: TypeAdapter[FilterPart] = TypeAdapter(MetadataFilter)


class InvalidFilterError(InvalidInputError):
    """The filter in the address is not one."""

    code = "invalid_filter"
    title = "The filter cannot be accepted"


def read_filter(text: str) -> FilterPart:
    """Read a filter that stands in an address, as JSON. Raises InvalidFilterError."""
    try:
        return _FILTER.validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        faults = tuple(
            FieldProblem("query", "filter", fault.code, f"{fault.where} {fault.detail}".strip())
            for fault in body_problems(found, _sent(text))
        )
        raise InvalidFilterError("The filter cannot be accepted.", errors=faults) from None


def _sent(text: str) -> JsonValue:
    """Read a filter as the JSON that it is; nothing where it is none."""
    try:
        return _JSON.validate_json(text)
    except ValidationError:
        return None


def metadata_predicate(part: FilterPart) -> ColumnElement[bool]:
    """Compile a filter to a condition on the rows of `document`, with bound values only."""
    match part:
        case EqualityFilter():
            return _opposite_if(part.type == "ne", _equals_any(part.key, [part.value]))
        case MembershipFilter():
            return _opposite_if(part.type == "nin", _equals_any(part.key, part.value))
        case OrderFilter():
            return _compares(part)
        case CombinedFilter():
            parts = [metadata_predicate(inner) for inner in part.filters]
            return and_(*parts) if part.type == "and" else or_(*parts)
        case _:
            assert_never(part)


def evaluate_metadata(part: FilterPart, metadata: MetadataJson) -> bool:
    """Decide in memory: the reference for the compiled form."""
    match part:
        case EqualityFilter():
            return _holds(metadata.get(part.key), [part.value]) is (part.type == "eq")
        case MembershipFilter():
            return _holds(metadata.get(part.key), part.value) is (part.type == "in")
        case OrderFilter():
            return _is_ordered(part, metadata.get(part.key))
        case CombinedFilter():
            results = (evaluate_metadata(inner, metadata) for inner in part.filters)
            return all(results) if part.type == "and" else any(results)
        case _:
            assert_never(part)


def _opposite_if(wanted: bool, condition: ColumnElement[bool]) -> ColumnElement[bool]:  # noqa: FBT001 - reads as a sentence
    return not_(condition) if wanted else condition


def _equals_any(key: str, values: list[Scalar]) -> ColumnElement[bool]:
    # `@>` on jsonb: a scalar holds its equal, an array each of its elements (PostgreSQL, 8.14.3).
    wanted = func.jsonb_array_elements(literal(values, JSONB)).table_valued(
        column("value", JSONB), name="wanted"
    )
    found = select(1).select_from(wanted).where(Document.meta[key].contains(wanted.c.value))
    return found.correlate(Document).exists()


def _compares(part: OrderFilter) -> ColumnElement[bool]:
    stored = Document.meta[part.key]
    if isinstance(part.value, str):
        kind, left = "string", stored.astext.collate("C")
        right: ColumnElement[object] = literal(part.value)
    else:
        kind, left = "number", stored
        right = literal(part.value, JSONB)
    match part.type:
        case "gt":
            ordered = left > right
        case "gte":
            ordered = left >= right
        case "lt":
            ordered = left < right
        case "lte":
            ordered = left <= right
        case _:
            assert_never(part.type)
    return func.coalesce(and_(func.jsonb_typeof(stored) == kind, ordered), false())


def _holds(stored: Scalar | list[str] | None, values: list[Scalar]) -> bool:
    if stored is None:
        return False
    elements: list[Scalar] = [*stored] if isinstance(stored, list) else [stored]
    return any(
        _kind(element) == _kind(value) and element == value
        for element in elements
        for value in values
    )


def _kind(value: Scalar) -> str:
    if isinstance(value, bool):
        return "flag"
    return "text" if isinstance(value, str) else "number"


def _is_ordered(part: OrderFilter, stored: Scalar | list[str] | None) -> bool:
    if isinstance(part.value, str):
        return isinstance(stored, str) and _compare(part.type, _sign(stored, part.value))
    if isinstance(stored, bool) or not isinstance(stored, int | float):
        return False
    return _compare(part.type, (stored > part.value) - (stored < part.value))


def _sign(one: str, other: str) -> int:
    return (one > other) - (one < other)


def _compare(kind: Literal["gt", "gte", "lt", "lte"], sign: int) -> bool:
    return {"gt": sign > 0, "gte": sign >= 0, "lt": sign < 0, "lte": sign <= 0}[kind]
