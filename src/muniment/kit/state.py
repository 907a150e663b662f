"""Per-process objects, handed to requests by the lifespan and read here with their type."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import HTTPConnection

T = TypeVar("T")


def from_state(name: str, kind: type[T]) -> Callable[[HTTPConnection], Awaitable[T]]:
    """Make a dependency that gives the process-wide object of this name and class."""

    async def read(connection: HTTPConnection) -> T:
        value: object = getattr(connection.state, name)
        if not isinstance(value, kind):
            raise TypeError(f"state.{name} is a {type(value).__name__}, not a {kind.__name__}")
        return value

    return read
