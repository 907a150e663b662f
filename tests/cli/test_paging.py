"""Whole lists from pages."""

import pytest

from muniment.cli.paging import all_items
from muniment.kit.pagination import MAX_LIMIT, Page, PageRequest


class Numbers:
    """A list of numbers that remembers how it was asked."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.limits: list[int] = []

    async def read(self, request: PageRequest) -> Page[int]:
        self.limits.append(request.limit)
        first = int(request.cursor or 0)
        after = min(first + request.limit, self._count)
        return Page[int](
            items=range(first, after), next=str(after) if after < self._count else None
        )


@pytest.mark.parametrize("count", [0, 1, MAX_LIMIT, MAX_LIMIT + 1, 3 * MAX_LIMIT])
async def test_all_of_a_list_comes_once_and_in_order(count: int) -> None:
    assert [item async for item in all_items(Numbers(count).read)] == list(range(count))


async def test_no_more_is_read_than_is_wanted() -> None:
    numbers = Numbers(10 * MAX_LIMIT)
    found = [item async for item in all_items(numbers.read, most=MAX_LIMIT + 5)]
    assert found == list(range(MAX_LIMIT + 5))
    assert numbers.limits == [MAX_LIMIT, 5]
    assert [item async for item in all_items(numbers.read, most=0)] == []
