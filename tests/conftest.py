"""What every test may ask for: a real PostgreSQL, a migrated database, transactions."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from muniment.postgres.embedded.supervisor import EmbeddedPostgres, EmbeddedUrls
from tests.support.database import TestDatabase, migrated_database


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedUrls]:
    """One server for the whole run: the processes of a parallel run attach to the same one."""
    base = tmp_path_factory.getbasetemp()
    parallel = base.name.startswith("popen-")
    async with EmbeddedPostgres((base.parent if parallel else base) / "pg", fsync=False) as urls:
        yield urls


@pytest.fixture(scope="session")
async def migrated(cluster: EmbeddedUrls, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestDatabase]:
    """The database of this test process, migrated once."""
    name = f"muniment_{Path(tmp_path_factory.getbasetemp()).name}".replace("-", "_")
    async with migrated_database(cluster, name) as database:
        yield database


@pytest.fixture
async def database(migrated: TestDatabase) -> AsyncIterator[TestDatabase]:
    """The migrated database, empty again after the test."""
    yield migrated
    await migrated.clean()
