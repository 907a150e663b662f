"""The command `muniment`: every word of it and the function that does it."""

from typing import Annotated

import typer

import muniment
from muniment.cli import operating, running
from muniment.cli.command import as_command

COMMANDS = (
    ("up", running.up),
    ("serve", running.serve),
    ("worker", running.worker),
    ("migrate", operating.migrate),
    ("token", operating.token),
)


def create_cli() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="muniment",
        help="Agents over your own documents, with citations that are literally true.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name, function in COMMANDS:
        app.command(name)(as_command(function))
    return app


def run() -> None:
    """Run the command line."""
    create_cli()()


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"muniment {muniment.__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Agents over your own documents, with citations that are literally true."""
