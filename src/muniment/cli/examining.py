"""The command `doctor`: what is wrong, before the users find out."""

import typer
from rich.console import Console
from rich.text import Text

from muniment.app.doctor import examine
from muniment.cli.command import Place


async def doctor(place: Place) -> None:
    """Say in one sentence each what is wrong: folder, model, parsers, database, roles."""
    settings = place.settings(log_level="error")
    console = Console(highlight=False)
    failed = 0
    async for finding in examine(settings):
        if finding.problem is None:
            console.print(Text("✓ ", style="green").append(finding.subject, style="default"))
            continue
        failed += 1
        line = Text("✗ ", style="bold red").append(finding.subject, style="bold")
        console.print(line.append(f": {finding.problem}", style="default"), soft_wrap=True)
        if finding.hint:
            console.print(Text(f"  {finding.hint}", style="dim"), soft_wrap=True)
    if failed:
        raise typer.Exit(1)
