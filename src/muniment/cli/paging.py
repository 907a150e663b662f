"""Whole lists: a command shows what an API gives page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from muniment.kit.pagination import MAX_LIMIT, Page, PageRequest

Item = TypeVar("Item")


async def all_items(
    read: Callable[[PageRequest], Awaitable[Page[Item]]], most: int | None = None
) -> AsyncIterator[Item]:
    """Give the items of all pages in their order; `most` says when that is enough."""
    cursor: str | None = None
    left = most
    while left is None or left > 0:
        page = await read(PageRequest(cursor, MAX_LIMIT if left is None else min(left, MAX_LIMIT)))
        for item in page.items:
            yield item
        left = None if left is None else left - len(page.items)
        cursor = page.next
        if cursor is None:
            return
