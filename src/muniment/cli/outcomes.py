"""What becomes of files that are added: counted, and told at the end."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from rich.console import Console
from rich.text import Text

from muniment.cli.terminal import console_of_messages, line
from muniment.library.service.registration import Outcome

RENAMED: Final = "renamed"
"""What `--prune` did to a document whose file has another name now, and is otherwise unchanged."""

REMOVED = "removed"
"""What `--prune` did to documents; all other outcomes are those of files."""


@dataclass(slots=True)
class Report:
    """What became of each file."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """How many files ended well, by what they did to the library."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Name of the file, and the reason."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Name of a file in a folder that was passed over, and the reason."""
    waiting: dict[UUID, Outcome | Literal["renamed"]] = field(default_factory=dict)
    """Documents whose ingestion has not ended yet."""

    @property
    def has_documents(self) -> bool:
        """Tell whether any file is a document that can be read."""
        return any(count for outcome, count in self.outcomes.items() if outcome != REMOVED)

    @property
    def ended(self) -> int:
        """How many files there is nothing more to do about."""
        return sum(self.outcomes.values()) + len(self.failures)

    def fail(self, name: str, reason: str) -> None:
        """Note that a file did not become a document that can be read."""
        self.failures.append((name, reason))

    def end(self, document_id: UUID) -> None:
        """Note that a document is done."""
        self.outcomes[self.waiting.pop(document_id)] += 1


def tell(report: Report, console: Console) -> None:
    """Say what became of the files: the sum where wanted, each that was left out on stderr."""
    messages = console_of_messages()
    for name, reason in report.skipped:
        messages.print(line(f"- {name}: skipped, {reason}", "dim"), soft_wrap=True)
    for name, reason in report.failures:
        mark = Text("✗ ", style="red")
        messages.print(mark.append_text(line(f"{name}: {reason}", "default")), soft_wrap=True)
    counts = [f"{count} {outcome}" for outcome, count in sorted(report.outcomes.items()) if count]
    if report.failures:
        counts.append(f"{len(report.failures)} failed")
    console.print(", ".join(counts) or "nothing to read: no document was found")


def tell_interruption(report: Report, files: int) -> None:
    """Say on stderr how far adding came, and what becomes of the rest."""
    waiting = len(report.waiting)
    left = max(files - report.ended - waiting, 0)
    messages = console_of_messages()
    messages.print(
        f"Interrupted: {report.ended} done, {waiting} still waiting to be read, {left} not added."
        " What waits is read by the next `up`, `worker` or `add`.",
        soft_wrap=True,
    )
