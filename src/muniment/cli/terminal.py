"""Words on their way to a terminal: what others wrote must not be able to steer it.

A document's name or text may hold escape sequences that move the cursor, change the title or, in
some terminals, type commands (CWE-150). So control characters are shown, never sent.
"""

import re
from typing import Literal, TypeAlias

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 but for tab and line feed, and the marks that turn the order of letters around."""

_WIDEST = 4096
"""Wider than any row of ours: a name has 255 characters, each of which may be two wide."""

_SURROGATES = re.compile("[\ud800-\udfff]")

Without: TypeAlias = Literal["none", "unset"]
"""Which fields are left out: those that are null, or those that were not set."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Give a text with nothing in it that a terminal obeys."""
    return _CONTROLS.sub(_REPLACEMENT, text.replace("\r\n", "\n"))


def encodable(text: str) -> str:
    """Give a text that can be written as UTF-8: a word that was typed may hold stray bytes."""
    return _SURROGATES.sub(_REPLACEMENT, text)


def one_line(text: str) -> str:
    """Give a text as one printable line, such as a name in a table."""
    return printable(" ".join(text.split()))


def line(text: str, style: str = "") -> Text:
    """Make one printable line, with no word in it taken for markup."""
    return Text(one_line(text), style=style)


def print_json(*models: BaseModel, as_list: bool = False, without: Without | None = None) -> None:
    """Print what the API would answer; characters that a terminal obeys are escaped."""
    written = [_as_json(model, without) for model in models]
    typer.echo(f"[{','.join(written)}]" if as_list else "\n".join(written))


def console_of_messages() -> Console:
    """Open the console for everything that is not a result: it writes to stderr."""
    return Console(stderr=True, highlight=False)


def console_of_results() -> Console:
    """Open the console for results; what another program reads is never folded into lines."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDEST)


def _as_json(model: BaseModel, without: Without | None) -> str:
    text = model.model_dump_json(
        by_alias=True, exclude_none=without == "none", exclude_unset=without == "unset"
    )
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
