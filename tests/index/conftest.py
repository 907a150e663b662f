from collections.abc import AsyncIterator

import pytest

from tests.support.database import TestDatabase
from tests.support.searching import open_shelf
from tests.support.shelf import Shelf


@pytest.fixture
async def shelf(database: TestDatabase) -> AsyncIterator[Shelf]:
    """An empty tenant to be filled with documents."""
    async with open_shelf(database) as shelf:
        yield shelf
