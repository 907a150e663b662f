"""Search behind walls, without embedding the question, beside the bare statements."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from bench.accounting import counting, cpu_s
from bench.corpus import SHARES, Caller, Corpus, grow, multiply_corpus, write_corpus
from bench.figures import Budget, Figure, tell_figures
from bench.finding import KINDS, measure_found
from bench.load import send_load, write_request
from bench.multiplying import COPIES
from bench.texts import Writer
from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.index.lexical import LexicalModel, query_weights
from muniment.index.postings import scored
from muniment.index.repository import halfvec_text
from muniment.index.sparsevec import sparsevec_text
from muniment.index.terms import TermAnalyzer, tenant_salt
from muniment.postgres.embedded.supervisor import EmbeddedPostgres, EmbeddedUrls
from tests.support.product_process import ProductProcess

_QUESTIONS = 25
_CONCURRENCY = 4
_RESULTS = 10
_NARROW = 500
_RANKING_MS = 6.0
_TIMES_FLOOR = 1.5
_FLAT = 2.0
_CHECKED = 300
_MS = 1000.0

_OPENING = """
select set_config('muniment.tenant', $1, true), set_config('muniment.principals', $2, true),
       set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_seqscan', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true),
       set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('ivfflat.iterative_scan', 'relaxed_order', true)
"""
# The question stands in a sub-select, else a generic plan reads its text anew for every row.
_LIVE = "deleted_at is null and ready_version is not null"
_PROBE = f"select id from document where {_LIVE} limit {_NARROW + 1}"
_DENSE_NARROW = """
select chunk_id, (embedding::halfvec(384) <#> (select $1::text::halfvec)) + 0 as distance
from chunk_vector
where document_id = any($2) and space = {space} order by distance limit 50
"""
_DENSE_WIDE = f"""
select chunk_id, embedding::halfvec(384) <#> (select $1::text::halfvec) as distance
from chunk_vector k
cross join lateral (select from document d where d.id = k.document_id and {_LIVE} offset 0) x
where space = {{space}} order by embedding::halfvec(384) <#> (select $1::text::halfvec) limit 50
"""
_LEXICAL_NARROW = """
select chunk_id, lex <#> (select $1::text::sparsevec) as distance from chunk_lex
where document_id = any($2) order by distance limit 50
"""
_BLOCKS = """
select term, first_chunk, chunks, impacts from lex_block where tenant_id = $1 and term = any($2)
"""
_CHECK = f"""
with k as materialized (
    select chunk_id, document_id, lex <#> (select $1::text::sparsevec) as distance from chunk_lex
    where chunk_id = any($2)
)
select chunk_id, distance from k
cross join lateral (select from document d where d.id = k.document_id and {_LIVE} offset 0) x
order by distance limit 50
"""
_BODY = """
select c.id, c.text from chunk c join document d on d.id = c.document_id
where c.id = any($1) and d.deleted_at is null
"""
_COUNTS = "select term, chunks from lex_term where collection_id = $1 and term = any($2)"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question as the statements take it."""

    vector: str
    terms: str
    weights: Mapping[int, float]


class BareStatements:
    """The search as statements on one connection of the serving role, and nothing else."""

    def __init__(self, connection: asyncpg.Connection, caller: Caller, space_id: int) -> None:
        self._connection = connection
        self._caller = caller
        self._dense_narrow = _DENSE_NARROW.format(space=space_id)
        self._dense_wide = _DENSE_WIDE.format(space=space_id)

    async def search(self, question: Prepared) -> int:
        """Run the statements of one search; give how many passages it read."""
        fetch = self._connection.fetch
        async with self._connection.transaction():
            await fetch(_OPENING, str(self._caller.tenant_id), self._caller.name)
            permitted = [row["id"] for row in await fetch(_PROBE)]
            if len(permitted) <= _NARROW:
                dense = await fetch(self._dense_narrow, question.vector, permitted)
                lexical = await fetch(_LEXICAL_NARROW, question.terms, permitted)
            else:
                dense = await fetch(self._dense_wide, question.vector)
                weights = question.weights
                blocks = await fetch(_BLOCKS, self._caller.tenant_id, list(weights))
                found = scored([tuple(row) for row in blocks], weights).best(_CHECKED)
                lexical = await fetch(_CHECK, question.terms, found)
            best = [row["chunk_id"] for row in (*dense[:_RESULTS], *lexical[:_RESULTS])]
            return len(await fetch(_BODY, best[:_RESULTS]))


async def measure_searching(
    product: ProductProcess, *, quick: bool, large: bool, huge: bool
) -> Sequence[Figure]:
    """Write the corpus, then search as each caller both ways; let it grow tenfold and repeat."""
    sizes = [2_000] if quick else [10_000, 100_000] if large or huge else [10_000]
    writer = Writer(13)
    questions = [writer.about(writer.topic(), 8) for _ in range(_QUESTIONS)]
    figures: list[Figure] = []
    async with EmbeddedPostgres(product.data_dir / "postgres") as urls:
        corpus, before = await write_corpus(product, urls), 0
        for size in sizes:
            await grow(corpus, urls, before, size)
            bench = _Bench(product, urls, corpus, questions, 2 if quick else 8)
            costs = await bench.measure(size)
            tell_figures(costs)
            found = await measure_found(urls, corpus, questions, size, KINDS)
            tell_figures(found)
            figures += [*costs, *found]
            before = size
        if huge:
            await multiply_corpus(corpus, urls)
            size = before * COPIES
            costs = await _Bench(product, urls, corpus, questions, 2).measure(size)
            tell_figures(costs)
            figures += costs
            figures += await measure_found(urls, corpus, questions, size, ("ivfflat",))
    return [*figures, *_flatness(figures)] if len(sizes) > 1 else figures


@dataclass(frozen=True, slots=True)
class _Bench:
    """The same questions as every caller, of one size of the corpus."""

    product: ProductProcess
    urls: EmbeddedUrls
    corpus: Corpus
    questions: Sequence[str]
    rounds: int

    async def measure(self, size: int) -> list[Figure]:
        """Measure the bare statements and the product."""
        figures: list[Figure] = []
        connection = await asyncpg.connect(self.urls.superuser.get_secret_value())
        serving = await asyncpg.connect(self.urls.serving.get_secret_value())
        try:
            for name, share in SHARES.items():
                caller = self.corpus.callers[name]
                prepared = await _prepare(connection, caller, self.questions, size)
                bare = BareStatements(serving, caller, self.corpus.space.id)
                floor = await _bare_ms(self.product, bare, prepared, self.rounds)
                figures += await _product_figures(
                    self.product,
                    caller,
                    self.questions,
                    self.rounds,
                    (f"{share:.1%} of {size:,}", floor),
                )
        finally:
            await serving.close()
            await connection.close()
        return figures


def _flatness(figures: Sequence[Figure]) -> list[Figure]:
    """Set the CPU over the large corpus beside that over the small one."""
    cpu = {figure.name: figure.value for figure in figures if figure.name.startswith("CPU, ")}
    return [
        Figure(
            "search",
            f"CPU at 100,000 by 10,000, {share:.1%}",
            cpu[f"CPU, {share:.1%} of 100,000"],
            "ms",
            cpu[f"CPU, {share:.1%} of 10,000"],
            Budget(_FLAT),
        )
        for share in SHARES.values()
    ]


async def _prepare(
    connection: asyncpg.Connection, caller: Caller, questions: Sequence[str], chunks: int
) -> list[Prepared]:
    """Turn the questions into vectors and weighed terms, outside of what is measured."""
    lexical = LexicalModel(TermAnalyzer())
    vectors = await HashingEmbedder(HashingSettings()).embed(questions)
    prepared = []
    for question, vector in zip(questions, vectors, strict=True):
        terms = lexical.query_terms(question, "en", tenant_salt(caller.tenant_id))
        rows = await connection.fetch(_COUNTS, caller.collection_id, list(terms.ids))
        weights = query_weights(terms, dict(rows), chunks)
        by_term = dict(zip(weights.ids, weights.weights, strict=True))
        prepared.append(Prepared(halfvec_text(vector), sparsevec_text(weights), by_term))
    return prepared


async def _bare_ms(
    product: ProductProcess, bare: BareStatements, questions: Sequence[Prepared], rounds: int
) -> float:
    """Give the CPU of a bare search: of this process and of PostgreSQL."""
    postmaster = product.postmaster()
    assert postmaster is not None
    for question in questions:
        assert await bare.search(question) > 0, "the bare search found nothing"
    own, database = time.process_time(), cpu_s(postmaster)
    for _ in range(rounds):
        for question in questions:
            await bare.search(question)
    spent_s = time.process_time() - own + cpu_s(postmaster) - database
    return spent_s * _MS / (rounds * len(questions))


async def _product_figures(
    product: ProductProcess,
    caller: Caller,
    questions: Sequence[str],
    rounds: int,
    floor: tuple[str, float],
) -> list[Figure]:
    requests = [
        write_request("POST", "/api/v1/search", caller.token, json.dumps(body).encode())
        for body in ({"query": question, "top_k": _RESULTS} for question in questions)
    ]
    # The first round fills the cache of the questions' vectors, among others.
    await send_load(product.address, requests, concurrency=_CONCURRENCY, total=len(requests))
    total = rounds * len(requests)
    with counting(product) as spent:
        load = await send_load(product.address, requests, concurrency=_CONCURRENCY, total=total)
    name, floor_ms = floor
    group = "search"
    budget = Budget(round(_TIMES_FLOOR * floor_ms + _RANKING_MS, 1))
    cpu_ms = spent.total_s * _MS / total
    return [
        Figure(group, f"CPU, {name}", cpu_ms, "ms", floor_ms, budget, of_value=True),
        Figure(group, f"PostgreSQL's part, {name}", spent.postgres_s * _MS / total, "ms"),
        Figure(group, f"at {_CONCURRENCY}, {name}", load.per_second, "/s"),
    ]
