"""What the closer look at the best passages adds to a search, the model's states in PostgreSQL."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.accounting import counting
from bench.figures import Budget, Figure
from bench.ingesting import ingest
from bench.load import send_load, write_request
from tests.support.product_process import ProductProcess

_PROSE = Path(__file__).parents[1] / "docs" / "decisions"
_WORDS = 12
_QUESTIONS = 25
_ROUNDS = 5
_MS = 1000.0
_BUDGET_MS = 6.0


async def measure_closely(product: ProductProcess, *, quick: bool) -> Sequence[Figure]:
    """Search with and without it in turn; the model runs for a question only the first time."""
    # Real prose, our own: made-up words fall into three times as many tokens as words do.
    texts = {path.name: path.read_text("utf-8") for path in sorted(_PROSE.glob("*.md"))}
    await ingest(product, {name: text.encode() for name, text in texts.items()})
    words = " ".join(texts.values()).split()
    step = len(words) // _QUESTIONS
    questions = [" ".join(words[at : at + _WORDS]) for at in range(0, step * _QUESTIONS, step)]
    token = await product.token("owner", "member")
    without, with_it, databases = [], [], []
    for _ in range(2 if quick else _ROUNDS + 1):
        plain_ms, plain_database_ms = await _cpu_ms(product, token, questions, rerank=False)
        close_ms, close_database_ms = await _cpu_ms(product, token, questions, rerank=True)
        without.append(plain_ms)
        with_it.append(close_ms)
        databases.append(close_database_ms - plain_database_ms)
    # The first round embeds the questions.
    plain, closely = median(without[1:]), median(with_it[1:])
    group = "closer look"
    return [
        Figure(group, "CPU of a search without it", plain, "ms"),
        Figure(group, "CPU added", closely - plain, "ms", None, Budget(_BUDGET_MS)),
        Figure(group, "PostgreSQL's part of that", median(databases[1:]), "ms"),
    ]


async def _cpu_ms(
    product: ProductProcess, token: str, questions: Sequence[str], *, rerank: bool
) -> tuple[float, float]:
    """Give the processor's time of a search, and PostgreSQL's part of it."""
    bodies = ({"query": question, "rerank": rerank} for question in questions)
    requests = [
        write_request("POST", "/api/v1/search", token, json.dumps(body).encode()) for body in bodies
    ]
    total = 4 * len(requests)
    with counting(product) as spent:
        await send_load(product.address, requests, concurrency=2, total=total)
    return spent.total_s * _MS / total, spent.postgres_s * _MS / total
