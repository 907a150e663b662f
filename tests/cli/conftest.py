"""The command line in this process, over an embedded database that stays up between commands."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.testing import CliRunner, Result

from muniment.cli.main import create_cli
from muniment.postgres.embedded.supervisor import EmbeddedPostgres

Run: TypeAlias = Callable[..., Result]
"""Runs a command: `run("documents list", "--json")`."""

CONFIG = """\
[embedding]
space = "hashing"
[database]
embedded_fsync = false
[identity.attributes]
clearance = "int"
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of all commands; its settings stand in it."""
    folder = tmp_path_factory.mktemp("cli") / "data"
    folder.mkdir(mode=0o700)
    (folder / "muniment.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="session")
async def postgres(home: Path) -> AsyncIterator[None]:
    """Keep the database of the data folder running, as a `muniment up` beside would."""
    async with EmbeddedPostgres(home / "postgres", fsync=False):
        yield


@pytest.fixture(scope="session")
def run_alone(home: Path) -> Run:
    """Run commands that need no database."""

    def run(command: str, *arguments: str | Path) -> Result:
        words = command.split()
        places = [] if "--data-dir" in arguments else ["--data-dir", str(home)]
        return CliRunner(env={"MUNIMENT_LOG__LEVEL": "error"}).invoke(
            create_cli(words[0]), [*words, *map(str, arguments), *places]
        )

    return run


@pytest.fixture(scope="session")
def run(postgres: None, run_alone: Run) -> Run:
    """Run any command."""
    assert postgres is None
    return run_alone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "herons.txt").write_text("Herons stand still for hours.")
    (tmp_path / "tides.md").write_text("# Tides\n\nThe tide turns twice a day.")
    return tmp_path


def names_in(run: Run, collection: str) -> set[str]:
    listed = json.loads(run("documents list", "--json", "--collection", collection).stdout)
    return {document["name"] for document in listed}
