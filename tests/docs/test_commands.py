import re
from pathlib import Path

import pytest
from typer.main import get_command

from muniment.cli.main import create_cli
from tests.docs.pages import all_pages, name_of, read

MAKE = re.compile(r"(?:^|`|\n)make ([a-z]+)", re.MULTILINE)
MUNIMENT = re.compile(r"(?:^|[`(/\s])muniment ([a-z][a-z-]*)((?: +--?[\w-]+(?:[ =][\w./=]+)?)*)")
IN_CODE = re.compile(r"```(?!sql)\w*\n.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
"""Blocks and words of code; in SQL our name is that of a database."""
OPTION = re.compile(r"--[a-z-]+")


def verbs() -> set[str]:
    return set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))


def commands() -> dict[str, set[str]]:
    """Every command with its options."""
    root = get_command(create_cli())
    found: dict[str, set[str]] = {}
    for name, command in getattr(root, "commands", {}).items():
        found[name] = {option for parameter in command.params for option in parameter.opts}
    return found


def code_of(page: Path) -> str:
    return "\n".join(IN_CODE.findall(page.read_text(encoding="utf-8")))


class TestVerbs:
    @pytest.mark.parametrize("page", all_pages(), ids=name_of)
    def test_every_make_verb_exists(self, page: Path) -> None:
        assert set(MAKE.findall(code_of(page))) <= verbs()

    def test_the_readme_names_the_way_in(self) -> None:
        assert {"demo", "test"} <= set(MAKE.findall(read("README.md")))


class TestCommands:
    @pytest.mark.parametrize("page", all_pages(), ids=name_of)
    def test_every_command_and_option_exists(self, page: Path) -> None:
        known = commands()
        for name, rest in MUNIMENT.findall(code_of(page)):
            assert name in known, f"muniment {name}"
            assert set(OPTION.findall(rest)) <= known[name] | {"--help"}, f"muniment {name}{rest}"

    def test_the_readme_names_the_command_that_starts_everything(self) -> None:
        assert "up" in {name for name, _ in MUNIMENT.findall(code_of(Path("README.md")))}
