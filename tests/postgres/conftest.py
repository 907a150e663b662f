"""Empty databases of their own, for tests that migrate or break one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import DatabaseUrls
from tests.postgres.town import Town, build_town
from tests.support.database import TestDatabase, create_database
from tests.support.database import as_superuser as run_as_superuser

_NUMBERS = count(1)


@pytest.fixture
async def empty(cluster: EmbeddedUrls, migrated: object) -> AsyncIterator[DatabaseUrls]:
    """A database without a table; it is dropped afterwards."""
    name = f"empty_{next(_NUMBERS)}_{id(migrated)}"
    yield await create_database(cluster, name)
    await run_as_superuser(cluster, f'drop database "{name}" with (force)')


@pytest.fixture
async def town(database: TestDatabase) -> Town:
    """Two tenants with an account, a collection and a document each."""
    return await build_town(database)


@pytest.fixture
def as_superuser(cluster: EmbeddedUrls) -> Callable[[str], Awaitable[None]]:
    """Run statements as the superuser of the cluster, in its own database."""

    async def run(statements: str) -> None:
        await run_as_superuser(cluster, statements)

    return run
