"""What a developer may do without, and CI may not."""

import os
import shutil
from typing import NoReturn

import pytest


def require_program(name: str) -> str:
    """Give the path of a program; without it, skip here and fail in CI."""
    path = shutil.which(name)
    if path is None:
        skip_unless_ci(f"{name} is not installed")
    return path


def skip_unless_ci(reason: str) -> NoReturn:
    """Skip the test for a stated reason, except in CI, where nothing may be left out."""
    if os.environ.get("CI"):
        pytest.fail(f"CI runs every test, and this one cannot run: {reason}")
    pytest.skip(reason)
