"""Real clusters in short temporary directories."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from muniment.postgres.embedded.supervisor import EmbeddedPostgres, EmbeddedUrls


@pytest.fixture
def root() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="emb-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[tuple[Path, EmbeddedUrls]]:
    """One server that is up for all the tests that only look at it."""
    folder = Path(tempfile.mkdtemp(prefix="emb-"))
    async with EmbeddedPostgres(folder / "pg", fsync=False) as urls:
        yield folder / "pg", urls
    shutil.rmtree(folder)
