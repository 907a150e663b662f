"""Lists in pages by key, not by number: stable under change and as cheap on page 1,000 as on 1.

A cursor is the sort key of the last row seen, opaque to the caller and bound to the order it was
made for; it grants nothing, so it is checked but not signed.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.errors import FieldProblem, InvalidInputError

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
_MAX_CURSOR_LENGTH = 4096
"""The longest key of a list is a name of 512 characters, which may take four bytes each."""
_LARGEST_NUMBER = 2**31 - 1
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

T = TypeVar("T")
R = TypeVar("R")

KeyValue = str | int | float | datetime | UUID
KeyType = type[str] | type[int] | type[float] | type[datetime] | type[UUID]


class InvalidCursorError(InvalidInputError):
    """The cursor was not made by this list, or not in this order."""

    code = "invalid_cursor"
    title = "The cursor is not one of this list"

    def __init__(self) -> None:
        detail = "The cursor cannot be used with this list."
        super().__init__(
            detail,
            hint="Pass the `next` of the page before unchanged, or leave the cursor out.",
            errors=(FieldProblem("query", "cursor", self.code, detail),),
        )


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    # Rows of the database are items too: a handler gives a page of them, and the response model
    # reads their attributes.
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    items: Sequence[T] = Field(description="The objects of this page, in order.")
    next: str | None = Field(
        description="Pass it as `cursor` to get the next page; null on the last one."
    )


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of a list: a name that changes with the meaning, and the types of its key."""

    name: str
    key_types: tuple[KeyType, ...]

    def encode(self, key: Sequence[KeyValue]) -> str:
        """Make the cursor that stands after a row with this key."""
        values = [_to_json(value) for value in key]
        packed = json.dumps([self.name, *values], separators=(",", ":"), ensure_ascii=False)
        return urlsafe_b64encode(packed.encode()).rstrip(b"=").decode()

    def decode(self, cursor: str) -> tuple[KeyValue, ...]:
        """Read a cursor back; anything but one of this order is an `InvalidCursorError`."""
        if len(cursor) > _MAX_CURSOR_LENGTH or not cursor.isascii():
            raise InvalidCursorError
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            unpacked = json.loads(urlsafe_b64decode(padded.encode()))
        except (ValueError, binascii.Error, RecursionError) as error:
            raise InvalidCursorError from error
        if not isinstance(unpacked, list) or not unpacked or unpacked[0] != self.name:
            raise InvalidCursorError
        if len(unpacked) != len(self.key_types) + 1:
            raise InvalidCursorError
        return tuple(map(_from_json, unpacked[1:], self.key_types))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page the caller wants."""

    cursor: str | None = None
    limit: int = DEFAULT_LIMIT

    @property
    def fetch_limit(self) -> int:
        """Rows to read: one more than shown, which tells whether there is a next page."""
        return self.limit + 1

    def after(self, ordering: Ordering) -> tuple[KeyValue, ...] | None:
        """Give the key to start behind, or nothing for the first page."""
        return None if self.cursor is None else ordering.decode(self.cursor)

    def page(
        self, rows: Sequence[R], ordering: Ordering, key: Callable[[R], Sequence[KeyValue]]
    ) -> Page[R]:
        """Cut the rows that were read with `fetch_limit` to a page with its cursor."""
        shown = rows[: self.limit]
        has_next = len(rows) > self.limit
        return Page[R].model_construct(
            items=shown, next=ordering.encode(key(shown[-1])) if has_next else None
        )


def _to_json(value: KeyValue) -> str | int | float:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _from_json(value: object, kind: KeyType) -> KeyValue:
    try:
        if kind in {datetime, UUID} and isinstance(value, str):
            return _moment(value) if kind is datetime else UUID(value)
    except (ValueError, OverflowError) as error:
        raise InvalidCursorError from error
    if isinstance(value, str | int | float) and type(value) is kind and _is_storable(value):
        return value
    raise InvalidCursorError


def _moment(text: str) -> datetime:
    """Read a moment that the database could hold: with an offset, and still a date in UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without an offset")
    return moment.astimezone(UTC)


def _is_storable(value: str | float) -> bool:
    """Tell whether the database could hold the value: no list ever made a cursor of another."""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    return abs(value) <= _LARGEST_NUMBER
