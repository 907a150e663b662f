"""The command `ask`: an answer from the documents, every sentence of it quoted and cited."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from muniment.answers.schemas import AnswerRead, AnswerRequest
from muniment.cli.adding import add_files, working
from muniment.cli.collections import CollectionName, find_collection
from muniment.cli.command import Place, UsageError, request_of
from muniment.cli.outcomes import tell
from muniment.cli.product import Product, open_product
from muniment.cli.searching import AsJson, place_of
from muniment.cli.terminal import console_of_messages, line, print_json, printable


async def ask(
    place: Place,
    question: Annotated[str, typer.Argument(help="A question in plain language.")],
    docs: Annotated[
        list[Path] | None, typer.Option("--docs", help="Add these files and folders first.")
    ] = None,
    collection: CollectionName = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from the documents, every sentence quoted and cited."""
    if not question.strip():
        raise UsageError("There is no question.")
    async with open_product(place) as product:
        if docs:
            async with working(product) as parsers:
                tell(await add_files(product, parsers, docs, collection), console_of_messages())
        answer = await answer_question(product, question, collection)
    if as_json:
        print_json(answer)
    else:
        show_answer(answer, Console(highlight=False))


async def answer_question(product: Product, question: str, collection: str | None) -> AnswerRead:
    """Ask as the acting user; of one collection, or of all."""
    wanted = None if collection is None else [await find_collection(product, collection)]
    request = request_of(AnswerRequest, "The question", question=question, collections=wanted)
    return AnswerRead.of(await product.serving.answers.answer(product.principal, request))


def show_answer(answer: AnswerRead, console: Console) -> None:
    """Print an answer and, below it, where each part of it stands."""
    console.print(Padding(Text(printable(answer.answer)), (0, 0, 0, 2)))
    if not answer.citations:
        return
    console.print()
    for citation in answer.citations:
        where = Text(f"  [{citation.marker}] ", style="bold")
        where.append_text(line(place_of(citation.document_name, citation.page), "cyan"))
        place = f"  characters {citation.start}-{citation.end}, {citation.status}"
        console.print(where.append(place, style="dim"))
    if answer.mode == "extractive":
        console.print("  [dim]Quoted from the documents; no language model is configured.[/]")
