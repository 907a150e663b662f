"""How far reading is, drawn while it happens: all of it from rows, so that everybody sees the same.

A terminal gets a bar and a line for each document that is being read; what is no terminal gets a
line now and then, so that a log stays short.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from muniment.cli.terminal import console_of_messages, line
from muniment.library.models import Document
from muniment.library.schemas.documents import CollectionProgressRead
from muniment.library.service.presentation import present_pace, present_stage

_LINE_EVERY_S: Final = 5.0
_MOST_SHOWN: Final = 8
"""Documents that are being read at once and get a line each."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the rows say at one time."""

    ended: int
    """Files of this command that there is nothing more to do about."""
    total: int
    collection: CollectionProgressRead | None = None
    """How the whole collection goes, whoever adds to it; None before the first look."""
    reading: Sequence[Document] = ()
    """Documents of the collection that a worker has taken up."""


class Display(Protocol):
    """Where progress is drawn."""

    def show(self, sight: Sight) -> None:
        """Draw what was seen."""
        ...


@contextmanager
def open_display() -> Iterator[Display]:
    """Open what suits stderr; nothing stays drawn on a terminal."""
    console = console_of_messages()
    if console.is_terminal:
        with Live(console=console, transient=True, refresh_per_second=8) as live:
            yield _Drawn(live)
    else:
        yield _Told(console)


class _Drawn:
    """A bar on a terminal, drawn over itself."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, sight: Sight) -> None:
        self._live.update(drawing(sight))


class _Told:
    """A line now and then, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told_at = time.monotonic()

    def show(self, sight: Sight) -> None:
        now = time.monotonic()
        if now - self._told_at >= _LINE_EVERY_S:
            self._told_at = now
            self._console.print(line(sentence(sight)), soft_wrap=True)


def drawing(sight: Sight) -> Group:
    """Make what a terminal shows."""
    whole = Table.grid(padding=(0, 1))
    pace = _pace_of(sight)
    whole.add_row(
        Text("documents", style="bold"),
        ProgressBar(total=max(sight.total, 1), completed=sight.ended, width=32),
        Text(f"{sight.ended}/{sight.total}", style="green"),
        Text(pace, style="cyan"),
    )
    each = Table.grid(padding=(0, 1))
    for document in sight.reading[:_MOST_SHOWN]:
        name = line(document.name, "dim")
        name.truncate(40, overflow="ellipsis")
        each.add_row(Text(" "), name, Text(doing(document), style="dim"))
    return Group(whole, each)


def sentence(sight: Sight) -> str:
    """Say it in one line."""
    parts = [f"{sight.ended} of {sight.total} documents", *filter(None, [_pace_of(sight)])]
    told = ", ".join(parts)
    reading = [f"{each.name} ({doing(each)})" for each in sight.reading[:_MOST_SHOWN]]
    return f"{told}; reading {', '.join(reading)}" if reading else told


def doing(document: Document) -> str:
    """Say what is done with a document just now, how far that is and how fast it goes."""
    stage, pace = present_stage(document), present_pace(document)
    if pace is None or stage != "embedding":
        return stage
    told = f"{stage} {pace.done}/{pace.total} chunks"
    if pace.per_second is None or pace.remaining_s is None:
        return told
    return f"{told}, {pace.per_second:.0f}/s, {duration(pace.remaining_s)} left"


def duration(seconds: int) -> str:
    """Write a time as a clock would: `0:42`, `12:05`, `3:00:00`."""
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _pace_of(sight: Sight) -> str:
    collection = sight.collection
    if collection is None:
        return ""
    parts = []
    if collection.per_second is not None:
        parts.append(f"{collection.per_second:.1f}/s")
    if collection.remaining_s is not None and collection.waiting + collection.processing:
        parts.append(f"{duration(collection.remaining_s)} left")
    return ", ".join(parts)
