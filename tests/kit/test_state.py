import pytest
from starlette.requests import HTTPConnection

from muniment.kit.state import from_state


def connection_with(**state: object) -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "state": state})


class TestFromState:
    async def test_gives_the_object_of_the_process(self) -> None:
        shelf: list[int] = []
        assert await from_state("shelf", list)(connection_with(shelf=shelf)) is shelf

    async def test_refuses_one_of_another_class_by_name(self) -> None:
        with pytest.raises(TypeError, match=r"state\.shelf is a tuple, not a list"):
            await from_state("shelf", list)(connection_with(shelf=()))

    async def test_refuses_one_that_is_not_there(self) -> None:
        with pytest.raises(AttributeError, match="shelf"):
            await from_state("shelf", list)(connection_with(other=[]))
