"""Where trials take place."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for a Unix socket, which every account may enter."""
    with tempfile.TemporaryDirectory(prefix="trial-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
