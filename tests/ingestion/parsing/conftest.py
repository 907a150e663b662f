from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ByteSize

from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.parsing.wire import ParserSelection

ROGUE = ParserSelection(references=("rogue:PLUGIN",), import_path=(str(Path(__file__).parent),))
Act = Callable[[str], Path]


@pytest.fixture
def act(tmp_path: Path) -> Act:
    """Write a file that tells the rogue parser what to do."""

    def write(name: str) -> Path:
        path = tmp_path / f"{name}.rogue"
        path.write_text(name)
        return path

    return write


@pytest.fixture
async def rogue() -> AsyncIterator[ParserPool]:
    """A pool of one child with the misbehaving parser and tight limits."""
    settings = ParsingSettings(
        time_limit=timedelta(seconds=1.5), max_text=ByteSize(2_000_000), documents_per_child=4
    )
    pool = ParserPool(settings, ROGUE)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
async def pool() -> AsyncIterator[ParserPool]:
    """The pool as it is installed, warm for all tests of the session."""
    pool = ParserPool(ParsingSettings(time_limit=timedelta(seconds=20)))
    yield pool
    await pool.close()
