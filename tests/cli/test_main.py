import inspect
import pkgutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import muniment
from muniment.cli.main import COMMANDS, Command, create_cli

HEAVY = {"numpy", "onnxruntime", "kreuzberg", "sqlalchemy", "alembic", "fastapi", "uvicorn"}


class TestCommands:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
    def test_the_summary_is_what_the_command_says_itself(self, command: Command) -> None:
        documented = inspect.getdoc(pkgutil.resolve_name(command.place))
        assert documented is not None
        assert documented.splitlines()[0] == command.summary

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
    def test_each_takes_the_options_of_all(self, command: Command) -> None:
        words = command.name.split()
        result = CliRunner().invoke(create_cli(words[0]), [*words, "--help"])
        assert result.exit_code == 0
        for option in ("--data-dir", "--config", "--as"):
            assert option in result.output

    def test_the_page_of_help_has_them_all(self) -> None:
        result = CliRunner().invoke(create_cli(""), ["--help"])
        assert result.exit_code == 0
        assert all(command.name.split()[0] in result.output for command in COMMANDS)

    def test_no_two_have_the_same_name(self) -> None:
        names = [command.name for command in COMMANDS]
        assert len(names) == len(set(names))

    def test_a_misspelt_one_is_refused_with_a_guess(self) -> None:
        result = CliRunner().invoke(create_cli("tokn"), ["tokn"])
        assert result.exit_code == 2
        assert "Did you mean 'token'?" in result.output


class TestImports:
    """Start-up time is import time: a command that prints a line must not load the product."""

    @pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["token", "--help"]])
    def test_small_commands_load_no_heavy_library(self, arguments: list[str]) -> None:
        code = (
            "import atexit, sys; from muniment.cli.start import run\n"
            "atexit.register(lambda: print('LOADED', *sys.modules)); run()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        page, _, loaded = done.stdout.partition("LOADED")
        assert page.strip()
        assert set(loaded.split()) & HEAVY == set()


class TestVersion:
    def test_is_that_of_the_package(self) -> None:
        result = CliRunner().invoke(create_cli(""), ["--version"])
        assert result.output == f"muniment {muniment.__version__}\n"
