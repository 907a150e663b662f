"""What `make demo` runs: real documents in, questions answered, every quote cited.

It works in the ordinary data folder, in a collection of its own, so that `muniment up` serves what
it has added.
"""

import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.text import Text

from muniment.cli.adding import add_files, working
from muniment.cli.asking import answer_question, show_answer
from muniment.cli.command import Place, as_command
from muniment.cli.outcomes import tell
from muniment.cli.product import Product, open_product
from muniment.kit.errors import MunimentError

COLLECTION = "Demo"
_FEWEST_ANSWERS = 3


class DemoFailedError(MunimentError):
    """The demonstration did not show what it is there to show."""

    code = "demo_failed"
    title = "The demonstration failed"


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question with the document that answers it; none where the documents do not say."""

    ask: str
    document: str | None = None
    contains: str | None = None
    page: int | None = None


_QUESTIONS: TypeAdapter[dict[str, list[DemoQuestion]]] = TypeAdapter(dict[str, list[DemoQuestion]])


async def demo(
    place: Place,
    docs: Annotated[list[Path], typer.Argument(help="Documents to add.")],
    question: Annotated[
        str | None, typer.Option("--question", help="Ask this instead of the file's questions.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="TOML file with questions to ask.")
    ] = None,
) -> None:
    """Add documents and answer questions about them, with citations."""
    console = Console(highlight=False)
    begun = time.monotonic()
    asked = _questions(question, questions)
    async with open_product(place) as product:
        async with working(product) as parsers:
            report = await add_files(product, parsers, docs, COLLECTION)
        console.print("[bold]Documents[/]  ", end="")
        tell(report, console)
        answered = 0
        for each in asked:
            answered += await _ask(product, each, console)
    console.print(f"\n[dim]{time.monotonic() - begun:.0f} s in all. What next:[/]")
    console.print("  .venv/bin/muniment up                 [dim]# API and worker[/]")
    console.print('  .venv/bin/muniment ask "…"            [dim]# another question[/]')
    if question is None and answered < min(_FEWEST_ANSWERS, len(asked)):
        raise DemoFailedError(f"Only {answered} of {len(asked)} questions got a cited answer.")


async def _ask(product: Product, question: DemoQuestion, console: Console) -> bool:
    """Ask and show; tell whether the answer is cited."""
    console.print()
    console.print(Text("? ", style="bold cyan").append(question.ask, style="bold"))
    answer = await answer_question(product, question.ask, COLLECTION)
    show_answer(answer, console)
    return bool(answer.citations)


def _questions(question: str | None, file: Path | None) -> list[DemoQuestion]:
    if question is not None:
        return [DemoQuestion(question)]
    if file is None:
        return []
    return _QUESTIONS.validate_python(tomllib.loads(file.read_text("utf-8")))["question"]


def run() -> None:
    """Run the demonstration as a program of its own."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(as_command(demo))
    app()


if __name__ == "__main__":
    run()
