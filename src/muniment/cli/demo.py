"""What `make demo` runs: real documents in, questions answered, every quote cited.

It works in the ordinary data folder, so that `muniment up` serves what it has added. The examples
go into a collection of their own, and so does every other folder: it is named by its path, so that
answers about one folder never come from another.
"""

import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.text import Text

from muniment.answers.schemas import AnswerRead
from muniment.cli.adding import add_files, working
from muniment.cli.asking import answer_question, show_answer
from muniment.cli.command import Place, UsageError, as_command
from muniment.cli.files import storable_name
from muniment.cli.outcomes import tell
from muniment.cli.product import Product, open_product
from muniment.kit.errors import MunimentError

COLLECTION = "Demo"
_FEWEST_ANSWERS = 3
_LONGEST_COLLECTION = 200


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

    def is_answered_by(self, answer: AnswerRead) -> bool:
        """Tell whether the document and the words that were expected are cited.

        Where no document has the answer, only silence is right.
        """
        if self.document is None:
            return answer.mode == "none"
        wanted = self.contains or ""
        return any(
            citation.document_name == self.document
            and citation.status == "verified"
            and wanted in " ".join(citation.quote.split())
            for citation in answer.citations
        )


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
    collection = collection_of(docs)
    async with open_product(place) as product:
        async with working(product) as parsers:
            report = await add_files(product, parsers, docs, collection)
        console.print("[bold]Documents[/]  ", end="")
        tell(report, console)
        if not report.has_documents:
            raise UsageError(
                f"There is no document that can be read in {', '.join(map(str, docs))}.",
                hint="Documents are text, Markdown, HTML, PDF and Word files.",
            )
        answers = [await _ask(product, each, collection, console) for each in asked]
    if question is None and questions is not None:
        _judge(asked, answers, console)
    console.print(f"\n[dim]{time.monotonic() - begun:.0f} s in all. What next:[/]")
    console.print("  .venv/bin/muniment up                 [dim]# API and worker[/]")
    console.print('  .venv/bin/muniment ask "…"            [dim]# another question[/]')


def collection_of(docs: Sequence[Path]) -> str:
    """Name the collection: after the one folder that was given, or as that of the examples."""
    if len(docs) != 1:
        return COLLECTION
    return storable_name(str(docs[0].expanduser().resolve()))[-_LONGEST_COLLECTION:].strip()


async def _ask(
    product: Product, question: DemoQuestion, collection: str, console: Console
) -> AnswerRead:
    """Ask and show."""
    console.print()
    console.print(Text("? ", style="bold cyan").append(question.ask, style="bold"))
    answer = await answer_question(product, question.ask, collection)
    show_answer(answer, console)
    return answer


def _judge(asked: Sequence[DemoQuestion], answers: Sequence[AnswerRead], console: Console) -> None:
    """Say how many answers are those of the file. Raises DemoFailedError."""
    good = sum(
        question.is_answered_by(answer) for question, answer in zip(asked, answers, strict=True)
    )
    told = f"{good} of {len(asked)} questions answered as expected"
    if good < min(_FEWEST_ANSWERS, len(asked)):
        raise DemoFailedError(f"Only {told}.")
    console.print(f"\n[bold]{told}[/]")


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
