import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from muniment.cli.main import create_cli
from tests.docs.pages import all_pages, name_of, read

MAKE = re.compile(r"(?:^|`|\n)make ([a-z]+)", re.MULTILINE)
MUNIMENT = re.compile(
    r"(?:^|[`(/\s])muniment ([a-z][a-z-]*)((?: +[a-z]+)?)((?: +--?[\w-]+(?:[ =][\w./=]+)?)*)"
)
IN_CODE = re.compile(r"```(?!sql)\w*\n.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
"""Blocks and words of code; in SQL our name is that of a database."""
OPTION = re.compile(r"--[a-z-]+")


def verbs() -> set[str]:
    return set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))


def options_of(command: object, name: str) -> Iterator[tuple[str, set[str]]]:
    """The options of a command, or of each command in a group."""
    if isinstance(command, TyperGroup):
        for word, inner in command.commands.items():
            yield from options_of(inner, f"{name} {word}".strip())
    elif isinstance(command, TyperCommand):
        yield name, {option for parameter in command.params for option in parameter.opts}


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
        known = dict(options_of(get_command(create_cli()), ""))
        for first, second, rest in MUNIMENT.findall(code_of(page)):
            name = first if first in known else first + second
            assert name in known, f"muniment {name}"
            assert set(OPTION.findall(rest)) <= known[name], f"muniment {name}{rest}"

    def test_the_readme_names_the_command_that_starts_everything(self) -> None:
        assert "up" in {found[0] for found in MUNIMENT.findall(code_of(Path("README.md")))}
