"""What the closer look at the best passages adds to a search, the model's states in PostgreSQL."""

import json
from collections.abc import Sequence
from statistics import median

from bench.accounting import counting
from bench.figures import Budget, Figure
from bench.ingesting import ingest
from bench.load import send_load, write_request
from bench.texts import Writer
from tests.support.product_process import ProductProcess

_DOCUMENTS = 60
_SIZE = 5_000
_QUESTIONS = 25
_ROUNDS = 5
_MS = 1000.0
_BUDGET_MS = 6.0


async def measure_closely(product: ProductProcess, *, quick: bool) -> Sequence[Figure]:
    """Search with and without it in turn; the model runs for a question only the first time."""
    writer = Writer(17)
    documents = _DOCUMENTS // 4 if quick else _DOCUMENTS
    await ingest(product, {f"{n}.txt": writer.document(_SIZE).encode() for n in range(documents)})
    questions = [writer.words(8) for _ in range(_QUESTIONS)]
    token = await product.token("owner", "member")
    without, with_it = [], []
    for _ in range(_ROUNDS + 1):
        without.append(await _cpu_ms(product, token, questions, rerank=False))
        with_it.append(await _cpu_ms(product, token, questions, rerank=True))
    # The first round embeds the questions.
    plain, closely = median(without[1:]), median(with_it[1:])
    group = "closer look"
    return [
        Figure(group, "CPU of a search without it", plain, "ms"),
        Figure(group, "CPU added", closely - plain, "ms", None, Budget(_BUDGET_MS)),
    ]


async def _cpu_ms(
    product: ProductProcess, token: str, questions: Sequence[str], *, rerank: bool
) -> float:
    bodies = ({"query": question, "rerank": rerank} for question in questions)
    requests = [
        write_request("POST", "/api/v1/search", token, json.dumps(body).encode()) for body in bodies
    ]
    total = 4 * len(requests)
    with counting(product) as spent:
        await send_load(product.address, requests, concurrency=2, total=total)
    return spent.total_s * _MS / total
