"""The command `eval`: how well searches and answers do on a data set with known answers."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from muniment.app.container import open_worker
from muniment.cli.command import Place
from muniment.cli.product import Product, open_product
from muniment.cli.searching import AsJson
from muniment.evaluation.corpus import EvaluationCorpus
from muniment.evaluation.dataset import Dataset, load_dataset
from muniment.evaluation.models import Scores
from muniment.evaluation.service import Evaluator
from muniment.identity.principal import Principal
from muniment.ports.vectors import Mode

_TENANT = "evaluation"
_MODES: tuple[Mode, ...] = ("hybrid", "lexical", "dense")


async def evaluate(
    place: Place,
    dataset: Annotated[
        Path, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv.")
    ],
    mode: Annotated[Mode, typer.Option("--mode", help="Which arms run.")] = "hybrid",
    every_mode: Annotated[
        bool, typer.Option("--all-modes", help="Measure each arm alone as well.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure search and answers on a data set in BEIR layout, in a tenant made for it."""
    loaded = await asyncio.to_thread(load_dataset, dataset)
    modes = _MODES if every_mode else (mode,)
    async with open_product(place) as product:
        scores = await _run(product, loaded, modes)
    if as_json:
        figures = [each.as_json() for each in scores]
        typer.echo(json.dumps(figures[0] if len(figures) == 1 else figures))
    else:
        _show(scores)


async def _run(product: Product, dataset: Dataset, modes: tuple[Mode, ...]) -> list[Scores]:
    principal = await _somebody_alone(product)
    serving, shared = product.serving, product.shared
    async with open_worker(shared, product.urls) as working:
        corpus = EvaluationCorpus(serving.transactions, serving.intake, working.worker)
        evaluator = Evaluator(corpus, serving.search, serving.answers)
        with _progress() as progress:
            tasks = {}

            def tell(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = progress.add_task(stage, total=total)
                progress.update(tasks[stage], completed=done, total=total)

            return await evaluator.run(principal, dataset, modes=modes, progress=tell)


async def _somebody_alone(product: Product) -> Principal:
    """Sign in to a tenant that is there for evaluations alone.

    It is the same at every run: its documents go afterwards, but the serving role may remove no
    account, so that a tenant for each run would stay for good.
    """
    token = product.serving.local_issuer.mint(_TENANT, roles=["member"], tenant=_TENANT)
    caller = await product.serving.authenticator.authenticate(f"Bearer {token}")
    return caller.principal


def _show(scores: list[Scores]) -> None:
    # One space between columns: so all of them fit into a terminal of 80.
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    names = [name for name in scores[0].as_json() if name != "mode"]
    for name in ("mode", *names):
        table.add_column(name, justify="left" if name == "mode" else "right")
    for each in scores:
        figures = each.as_json()
        table.add_row(each.mode, *(_written(figures[name]) for name in names))
    Console().print(table)


def _written(figure: float | str) -> str:
    return f"{figure:.4f}" if isinstance(figure, float) else str(figure)


def _progress() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
