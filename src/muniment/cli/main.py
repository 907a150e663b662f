"""The command `muniment`: every word of it and where the function is that does it."""

import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

import muniment

_PROMISE = "Ask your own documents: every answer quotes them, every quote is literally there."
_MAKER = "muniment.cli.command:as_command"


@dataclass(frozen=True, slots=True)
class Command:
    """One command, of one word or two; its module is imported when it is called, not before.

    Most commands need a part of the product alone, and importing all of it takes seconds.
    """

    name: str
    place: str
    """Module and function, as entry points are written."""
    summary: str

    def load(self) -> Callable[..., None]:
        """Import the function and make it a command."""
        as_command: Callable[[object], Callable[..., None]] = pkgutil.resolve_name(_MAKER)
        return as_command(pkgutil.resolve_name(self.place))


COMMANDS = (
    Command(
        "up",
        "muniment.cli.running:up",
        "Start everything: PostgreSQL, migrations, API and worker. Ctrl-C stops it cleanly.",
    ),
    Command(
        "add",
        "muniment.cli.adding:add",
        "Add files, folders and addresses; what is unchanged is skipped.",
    ),
    Command(
        "ask",
        "muniment.cli.asking:ask",
        "Answer a question from the documents, every sentence quoted and cited.",
    ),
    Command(
        "search",
        "muniment.cli.searching:search",
        "Find the passages that fit best, among the documents that the acting user may read.",
    ),
    Command(
        "documents list",
        "muniment.cli.listing:list_documents",
        "List documents, newest first; of one collection, or of all.",
    ),
    Command(
        "documents rm",
        "muniment.cli.listing:remove_document",
        "Delete a document: nobody finds it any more, and soon nothing of it is left.",
    ),
    Command(
        "collections list",
        "muniment.cli.listing:list_collections",
        "List the collections with the role that the acting user holds; an admin sees all.",
    ),
    Command(
        "sources list",
        "muniment.cli.sources:list_sources",
        "List the addresses that documents follow; of one collection, or of all one may edit.",
    ),
    Command(
        "sources rm",
        "muniment.cli.sources:remove_source",
        "Stop following an address; its document stays.",
    ),
    Command(
        "serve",
        "muniment.cli.running:serve",
        "Answer requests; the database must be migrated, and a worker must run somewhere.",
    ),
    Command(
        "worker",
        "muniment.cli.running:worker",
        "Run jobs; as many workers as you like may do so beside each other.",
    ),
    Command(
        "migrate",
        "muniment.cli.operating:migrate",
        "Bring the database's tables, policies and indexes to this version.",
    ),
    Command(
        "eval",
        "muniment.cli.evaluating:evaluate",
        "Measure search and answers on a data set in BEIR layout, in a tenant made for it.",
    ),
    Command(
        "doctor",
        "muniment.cli.examining:doctor",
        "Say in one sentence each what is wrong with the installation.",
    ),
    Command(
        "explain-access",
        "muniment.cli.explaining:explain",
        "Say why somebody may or may not read a document; for owners and auditors.",
    ),
    Command(
        "audit",
        "muniment.cli.auditing:audit",
        "List who did what and what was refused to whom, newest first.",
    ),
    Command(
        "keys create",
        "muniment.cli.keys:create_key",
        "Make an API key of the acting user and print it, this once (local mode only).",
    ),
    Command(
        "keys list",
        "muniment.cli.keys:list_keys",
        "List the API keys of the acting user, newest first.",
    ),
    Command(
        "keys revoke",
        "muniment.cli.keys:revoke_key",
        "Take an API key back: it stops at once, with whatever is open by it.",
    ),
    Command(
        "token",
        "muniment.cli.tokens:token",
        "Print a token of the built-in issuer (local mode only).",
    ),
)

_GROUPS = {
    "documents": "What is in the library.",
    "collections": "Sets of documents with their own access.",
    "sources": "Addresses that documents follow.",
    "keys": "API keys of the acting user.",
}


def create_cli(called: str | None = None) -> typer.Typer:
    """Put the commands together; if it is known which one is called, that one alone is loaded."""
    app = typer.Typer(
        name="muniment",
        help=_PROMISE,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    groups: dict[str, typer.Typer] = {}
    for command in COMMANDS:
        first, _, second = command.name.partition(" ")
        if second and first not in groups:
            groups[first] = typer.Typer(no_args_is_help=True, help=_GROUPS[first])
            app.add_typer(groups[first], name=first)
        is_loaded = called is None or called == first
        function = command.load() if is_loaded else _stand_in
        owner, word = (groups[first], second) if second else (app, first)
        owner.command(word, help=None if is_loaded else command.summary)(function)
    return app


def load() -> typer.Typer:
    """Import what the called command needs."""
    return create_cli(_called(sys.argv[1:]))


def _called(arguments: Sequence[str]) -> str:
    """Tell which command is called: no option before it takes a value, so it is the first word."""
    return next((word for word in arguments if not word.startswith("-")), "")


def _stand_in() -> None:
    """Stand in the page of help for a command that is not called."""


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
    """Ask your own documents: every answer quotes them, every quote is literally there."""
