"""The command `search`: ranked passages, with the scores of each arm when asked for."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from muniment.cli.collections import CollectionName, find_collection
from muniment.cli.command import Place, UsageError, request_of
from muniment.cli.product import open_product
from muniment.cli.terminal import line, one_line, print_json
from muniment.retrieval.schemas import (
    ArmRead,
    PassageRead,
    SearchMode,
    SearchRequest,
    SearchResponse,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print what the API would answer.")]


async def search(
    place: Place,
    words: Annotated[str, typer.Argument(help="Words or a question.")],
    collection: CollectionName = None,
    top_k: Annotated[int, typer.Option("--top", min=1, max=100, help="How many passages.")] = 5,
    mode: Annotated[SearchMode, typer.Option("--mode", help="Which arms run.")] = "hybrid",
    as_json: AsJson = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say how each passage came to its rank.")
    ] = False,
) -> None:
    """Find the passages that fit best, among the documents that the acting user may read."""
    if not words.strip():
        raise UsageError("There is nothing to search for.")
    async with open_product(place) as product:
        wanted = None if collection is None else [await find_collection(product, collection)]
        request = request_of(
            SearchRequest,
            "The question",
            query=words,
            collections=wanted,
            top_k=top_k,
            mode=mode,
            explain=explain,
        )
        found = await product.serving.search.search(product.principal, request)
    response = SearchResponse.of(found, explain=explain)
    if as_json:
        print_json(response)
    else:
        show_passages(response)


def show_passages(response: SearchResponse) -> None:
    """Print passages for a person to read."""
    console = Console(highlight=False)
    if not response.results:
        console.print("Nothing was found.")
    for number, passage in enumerate(response.results, 1):
        console.print(_heading(number, passage))
        console.print(line(passage.text))
        if passage.explain is not None:
            arms = f"words {_arm(passage.explain.lexical)} · meaning {_arm(passage.explain.dense)}"
            closely = passage.explain.closely
            words = "-" if closely is None else f"{closely:.2f}"
            fused = f"closely {words} · fused {passage.explain.fused:+.2f}"
            console.print(Text(f"   {arms} · {fused}", style="dim"))
        console.print()
    if response.explain is not None:
        how = response.explain
        searched = "every readable passage" if how.exhaustive else "an index"
        console.print(
            f"[dim]language {how.language}, weight of the words {how.lexical_share},"
            f" {how.candidates} candidates from {searched}[/]"
        )
        if how.withheld is not None:
            console.print(
                f"[dim]access rules keep {how.withheld.documents} documents from you"
                f" ({how.withheld.chunks} passages)[/]"
            )


def place_of(name: str, page: int | None) -> str:
    """Write where something stands, as a person would."""
    return name if page is None else f"{name}, page {page}"


def _heading(number: int, passage: PassageRead) -> Text:
    heading = Text(f"{number}. ", style="bold")
    heading.append_text(line(place_of(passage.document_name, passage.page), "bold cyan"))
    heading.append(f"  {passage.score:.2f}", style="dim")
    if passage.headings:
        heading.append(f"  {one_line(' > '.join(passage.headings))}", style="dim")
    return heading


def _arm(arm: ArmRead | None) -> str:
    return "-" if arm is None else f"#{arm.rank} ({arm.score:.2f}, {arm.z:+.2f})"
