"""Statements that are compiled once and run often.

Building a statement with the whole access rule in it, and finding its compiled form in SQLAlchemy's
cache, costs several times what running it does. Where the text of a statement depends on little, it
is compiled once and afterwards handed to the driver with nothing but new values.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Row, Select, TextClause, bindparam, literal, make_url
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from muniment.kit.hit_metrics import HitFigures

_DIALECT = make_url("postgresql+asyncpg://").get_dialect()()

T = TypeVar("T")

Value: TypeAlias = object

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
Rows: TypeAlias = Sequence[Row[*tuple[Any, ...]]]
"""What a statement gave; the type checker does not know its columns."""


class Bind(Protocol):
    """Puts a value into a statement that is being built, or leaves a place for it."""

    def __call__(self, value: T, type_: TypeEngine[T], /) -> ColumnElement[T]:
        """Give what stands for the value in the statement."""
        ...


def bind_value(value: T, type_: TypeEngine[T]) -> ColumnElement[T]:
    """Put the value itself into the statement, which then runs with it."""
    return literal(value, type_)


class Places:
    """Leaves numbered places for values, in the order in which a statement is built."""

    def __init__(self) -> None:
        self._taken = 0

    def __call__(self, _value: T, type_: TypeEngine[T], /) -> ColumnElement[T]:
        """Leave the next place; the value itself is not looked at."""
        name = place(self._taken)
        self._taken += 1
        return bindparam(name, type_=type_)


def place(number: int) -> str:
    """Name a numbered place."""
    return f"place_{number}"


def in_places(values: Sequence[Value]) -> dict[str, Value]:
    """Name values as `Places` does, in the same order."""
    return {place(number): value for number, value in enumerate(values)}


class Runnable(Protocol):
    """A statement that waits for its values."""

    async def run(self, connection: AsyncConnection, values: Mapping[str, Value]) -> Rows:
        """Run it with the values of its named parameters."""
        ...


class FixedStatement:
    """A compiled statement with the names of its values in order.

    What it was built with apart from places stays in it for everybody, so nothing of a caller may.
    """

    def __init__(self, statement: AnySelect | TextClause) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)
        if compiled.post_compile_params:
            raise ValueError("the text of the statement depends on a list of values: use any()")
        self.sql = str(compiled)
        self.constants: Mapping[str, Value] = {
            name: value for name, value in compiled.params.items() if value is not None
        }
        self._names: Sequence[str] = compiled.positiontup or ()

    async def run(self, connection: AsyncConnection, values: Mapping[str, Value]) -> Rows:
        """Run it. Values go to the driver as they are: no type of ours converts them."""
        known = {**self.constants, **values}
        ordered = tuple(known[name] for name in self._names)
        return (await connection.exec_driver_sql(self.sql, ordered)).all()


class FreshStatement:
    """A statement of a form that is not worth keeping."""

    def __init__(self, statement: AnySelect) -> None:
        self._statement = statement

    async def run(self, connection: AsyncConnection, values: Mapping[str, Value]) -> Rows:
        """Run it, compiled on the spot."""
        return (await connection.execute(self._statement, values)).all()


@dataclass(slots=True)
class _Lookups:
    """Of all kept statements of the process: each repository keeps its own."""

    hits: int = 0
    misses: int = 0


_LOOKUPS = _Lookups()


def statement_figures() -> HitFigures:
    """Tell how often a compiled statement was there."""
    return HitFigures(_LOOKUPS.hits, _LOOKUPS.misses)


class FixedStatements:
    """Keeps compiled statements by what their text depends on; the least recently used give way."""

    def __init__(self, size: int = 256) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, FixedStatement] = OrderedDict()

    def of(self, key: Hashable | None, build: Callable[[], AnySelect]) -> Runnable:
        """Give the statement of a key, built when it is first asked for; of None, a fresh one."""
        if key is None:
            _LOOKUPS.misses += 1
            return FreshStatement(build())
        kept = self._kept.get(key)
        if kept is None:
            _LOOKUPS.misses += 1
            kept = self._kept[key] = FixedStatement(build())
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        else:
            _LOOKUPS.hits += 1
            self._kept.move_to_end(key)
        return kept


def keyed(*parts: Hashable | None) -> Hashable | None:
    """Make a key of its parts; None when one of them is: its text depends on too much."""
    return None if None in parts else parts
