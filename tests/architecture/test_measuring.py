"""What `make cover` reports is true: no line that runs is taken for one that does not."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from sqlalchemy import URL

from muniment.postgres.engine import engine_url
from tests.docs.pages import ROOT, read
from tests.support.database import TestDatabase

PROGRAM = Path(__file__).with_name("measured.py")
SETTINGS = ROOT / "pyproject.toml"


async def run(*words: str | Path, data: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "coverage", *words),
        env=environment | {"COVERAGE_FILE": str(data)},
    )
    assert await process.wait() == 0


def address_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


class TestStatements:
    async def test_lines_after_an_awaited_statement_are_counted(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        data, report = tmp_path / "data", tmp_path / "report.json"
        address = address_of(engine_url(migrated.urls.serving))
        given = ("--rcfile", str(SETTINGS))
        await run("run", *given, "--source", str(PROGRAM.parent), PROGRAM, address, data=data)
        await run("json", *given, "--quiet", "--include", PROGRAM, "-o", report, data=data)
        (measured,) = json.loads(report.read_text("utf-8"))["files"].values()
        assert measured["missing_lines"] == []
        assert measured["missing_branches"] == []
        assert len(measured["executed_lines"]) > 40


class TestWholeGroups:
    def test_every_pattern_names_files(self) -> None:
        listed = re.search(r"^WHOLE := (.+)$", read("Makefile"), re.MULTILINE)
        assert listed is not None
        patterns = listed[1].split(",")
        assert len(patterns) == 5
        assert [pattern for pattern in patterns if not any(ROOT.glob(pattern))] == []
