"""The command `doctor`: what is wrong, before the users find out."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from muniment.app.doctor import examine
from muniment.app.orphan_check import Mending
from muniment.cli.command import Place
from muniment.cli.terminal import line, one_line


async def doctor(
    place: Place,
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="Remove files that no row speaks of, and mark documents whose file is gone.",
        ),
    ] = False,
    mend_all: Annotated[
        bool,
        typer.Option("--mend-all", help="Mend, even if that is half of what there is, or more."),
    ] = False,
) -> None:
    """Say in one sentence each what is wrong with the installation."""
    settings = place.settings(log_level="error")
    console = Console(highlight=False)
    mending = Mending(asked=mend or mend_all, believed=mend_all)
    failed = 0
    async for finding in examine(settings, mending):
        if finding.problem is None:
            console.print(Text("✓ ", style="green").append(finding.subject, style="default"))
            continue
        failed += 1
        told = Text("✗ ", style="bold red").append(one_line(finding.subject), style="bold")
        console.print(told.append(f": {one_line(finding.problem)}", "default"), soft_wrap=True)
        if finding.hint:
            console.print(Text("  ").append_text(line(finding.hint, "dim")), soft_wrap=True)
    if failed:
        raise typer.Exit(1)
