"""What `make cover` reports is true: no line that runs is taken for one that does not."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import TypedDict

import pytest

from muniment.postgres.engine import engine_url
from tests.docs.pages import ROOT, read
from tests.support.database import TestDatabase

PROGRAMS = Path(__file__).parent
SETTINGS = ROOT / "pyproject.toml"


class Measured(TypedDict):
    executed_lines: list[int]
    missing_lines: list[int]
    missing_branches: list[list[int]]


async def run(*words: str | Path, data: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "coverage", *words),
        env=environment | {"COVERAGE_FILE": str(data)},
    )
    assert await process.wait() == 0


async def measure(folder: Path, program: str, *arguments: str) -> Measured:
    """Run a program as the tests are run, and give what was seen of it."""
    path, data, report = PROGRAMS / program, folder / "data", folder / "report.json"
    given = ("--rcfile", SETTINGS)
    await run("run", *given, "--source", PROGRAMS, path, *arguments, data=data)
    await run("json", *given, "--quiet", "--include", path, "-o", report, data=data)
    found: Measured
    (found,) = json.loads(report.read_text("utf-8"))["files"].values()
    return found


class TestStatements:
    async def test_lines_after_an_awaited_statement_are_counted(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        url = engine_url(migrated.urls.serving).render_as_string(hide_password=False)
        seen = await measure(tmp_path, "measured.py", url)
        assert (seen["missing_lines"], seen["missing_branches"]) == ([], [])
        assert len(seen["executed_lines"]) > 40


class TestCaughtErrors:
    @pytest.mark.xfail(
        sys.version_info < (3, 12),
        reason="Python 3.11 does not tell that a coroutine goes on once its callee caught an error",
    )
    async def test_lines_after_them_are_counted(self, tmp_path: Path) -> None:
        seen = await measure(tmp_path, "measured_catch.py")
        assert (seen["missing_lines"], seen["missing_branches"]) == ([], [])


class TestWholeGroups:
    def test_every_pattern_names_files(self) -> None:
        listed = re.search(r"^WHOLE := (.+)$", read("Makefile"), re.MULTILINE)
        assert listed is not None
        patterns = listed[1].split(",")
        assert len(patterns) == 6
        assert [pattern for pattern in patterns if not any(ROOT.glob(pattern))] == []
