"""The command `eval`: how well searches and answers do on a data set with known answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from muniment.app.container import open_worker
from muniment.cli.command import Place
from muniment.cli.product import Product, open_product, sign_in_as
from muniment.cli.searching import AsJson
from muniment.evaluation.abstention import AbstentionReport, AbstentionTrial
from muniment.evaluation.corpus import EvaluationCorpus
from muniment.evaluation.dataset import Dataset, load_dataset
from muniment.evaluation.models import Arm, Comparison, Figures, Scores, compared_as_json
from muniment.evaluation.results import Results, read_results, write_results
from muniment.evaluation.service import Evaluator
from muniment.identity.principal import Principal

_TENANT = "evaluation"
_ARMS: tuple[Arm, ...] = ("hybrid", "lexical", "dense", "plain")
_BEFORE = "before"
_WORDS = frozenset({"mode", "against", "figure"})


async def evaluate(
    place: Place,
    dataset: Annotated[
        Path, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv.")
    ],
    arm: Annotated[
        Arm, typer.Option("--mode", help="Which arms run; `plain`: both, without the closer look.")
    ] = "hybrid",
    every_arm: Annotated[
        bool,
        typer.Option("--arms", "--all-modes", help="Measure each alone, and compare them."),
    ] = False,
    before: Annotated[
        Path | None,
        typer.Option("--compare", help="Compare with what --per-query has written before."),
    ] = None,
    per_query: Annotated[
        Path | None,
        typer.Option("--per-query", help="Write what was measured for each question here."),
    ] = None,
    abstention: Annotated[
        bool,
        typer.Option("--abstention", help="Measure instead when answers are rightly withheld."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure search and answers on a data set in BEIR layout, in a tenant made for it."""
    loaded = await asyncio.to_thread(load_dataset, dataset)
    earlier = {} if before is None else await asyncio.to_thread(read_results, before)
    if abstention:
        async with open_product(place) as product:
            found = (await _measure_silence(product, loaded)).as_json()
        _show_silence(found, as_json=as_json)
        return
    async with open_product(place) as product:
        scores = await _run(product, loaded, _ARMS if every_arm else (arm,))
    if per_query is not None:
        await asyncio.to_thread(write_results, per_query, scores)
    compared = [each.against(_others(each, scores, earlier)) for each in scores]
    if as_json:
        rows = [
            each.as_json() | {"against": compared_as_json(against)}
            for each, against in zip(scores, compared, strict=True)
        ]
        typer.echo(json.dumps(rows[0] if len(rows) == 1 else rows))
    else:
        _show(scores)
        _show_comparisons(scores, compared)


def _others(of: Scores, scores: Sequence[Scores], earlier: Results) -> Results:
    """Name what an arm is compared with: the whole with its parts, each with itself before."""
    parts = scores if of.arm == "hybrid" else ()
    others: dict[str, Figures] = {part.arm: part.of_search for part in parts if part is not of}
    return others | ({_BEFORE: earlier[of.arm]} if of.arm in earlier else {})


async def _run(product: Product, dataset: Dataset, arms: Sequence[Arm]) -> list[Scores]:
    serving = product.serving
    async with _corpus(product) as corpus:
        evaluator = Evaluator(corpus, serving.search, serving.answers)
        with _progress() as progress:
            principal = await _somebody_alone(product)
            return await evaluator.run(principal, dataset, arms=arms, progress=_teller(progress))


async def _measure_silence(product: Product, dataset: Dataset) -> AbstentionReport:
    point = product.settings.answers.abstain_below
    async with _corpus(product) as corpus:
        trial = AbstentionTrial(corpus, product.serving.answers, point)
        with _progress() as progress:
            return await trial.run(await _somebody_alone(product), dataset, _teller(progress))


@asynccontextmanager
async def _corpus(product: Product) -> AsyncIterator[EvaluationCorpus]:
    async with open_worker(product.shared, product.urls) as working:
        serving = product.serving
        yield EvaluationCorpus(serving.transactions, serving.intake, working.worker)


def _teller(progress: Progress) -> Callable[[str, int, int], None]:
    tasks: dict[str, TaskID] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=done, total=total)

    return tell


async def _somebody_alone(product: Product) -> Principal:
    """Sign in to a tenant that is there for evaluations alone.

    It is the same at every run: its documents go afterwards, but the serving role may remove no
    account, so that a tenant for each run would stay for good.
    """
    token = product.serving.sign_in.local_issuer.mint(_TENANT, roles=["member"], tenant=_TENANT)
    return await sign_in_as(product.serving, token)


def _show(scores: Sequence[Scores]) -> None:
    first = scores[0]
    table = _table("mode", *first.figures)
    for each in scores:
        table.add_row(each.arm, *(f"{each.mean(name):.4f}" for name in each.figures))
    Console().print(table)
    counts = f"{first.queries} queries, {first.documents} documents, {first.failed} failed"
    Console(highlight=False).print(f"[dim]{counts}[/]")


def _show_comparisons(scores: Sequence[Scores], compared: Sequence[Sequence[Comparison]]) -> None:
    """Print differences with their intervals, if anything was compared."""
    table = _table("mode", "against", "figure", "difference", "from", "to")
    for each, comparisons in zip(scores, compared, strict=True):
        for one in comparisons:
            found = one.difference
            bounds = (f"{bound:+.4f}" for bound in (found.mean, found.low, found.high))
            table.add_row(each.arm, one.other, one.figure, *bounds)
    if table.row_count:
        Console().print()
        Console().print(table)


def _show_silence(found: dict[str, JsonValue], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    chosen, curve = found["operating_point"], found["curve"]
    points = [chosen, *curve] if isinstance(curve, list) else [chosen]
    rows = [point for point in points if isinstance(point, dict)]
    table = _table(*(name for name in rows[0] if name != "intervals"))
    for row in rows:
        table.add_row(*(f"{figure:.3f}" for figure in row.values() if isinstance(figure, float)))
    Console().print(table)


def _table(*names: str) -> Table:
    # One space between columns: so all of them fit into a terminal of 80.
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name in _WORDS else "right")
    return table


def _progress() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
