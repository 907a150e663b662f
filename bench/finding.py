"""How much of the ten best both arms find behind each wall, beside comparing everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from sqlalchemy.ext.asyncio import AsyncSession

from bench.corpus import SHARES, Caller, Corpus, use_index
from bench.figures import Budget, Figure
from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.index.lexical import LexicalModel, query_weights
from muniment.index.pgvector import PgVectorStore
from muniment.index.recall import ARMS, BEST, ENOUGH, Arm
from muniment.index.search_settings import ArmSettings
from muniment.index.settings import IndexKind
from muniment.index.terms import TermAnalyzer, tenant_salt
from muniment.index.word_counts import document_frequencies
from muniment.ports.access import AllOf, InTenant, NotDeleted
from muniment.ports.vectors import Candidate, CandidateQuery, Reach
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import create_engine
from muniment.postgres.settings import DatabaseSettings
from muniment.postgres.unit_of_work import Scope, Transactions

KINDS: tuple[IndexKind, ...] = ("hnsw", "ivfflat")
_DENSE: tuple[Arm, ...] = ("dense",)
_DEPTH = 100
_NOISE = 1e-6

_WAYS = {"": ArmSettings(), ", by index": ArmSettings(exact_documents=0, exact_vectors=0)}
"""As the product searches, and as if every wall were wide."""


async def measure_found(
    urls: EmbeddedUrls,
    corpus: Corpus,
    questions: Sequence[str],
    size: int,
    kinds: Sequence[IndexKind],
) -> list[Figure]:
    """Ask as the serving role, behind row-level security: both arms, some kinds of index."""
    engine = create_engine(urls.serving, DatabaseSettings(), application="bench")
    try:
        transactions = Transactions(engine)
        figures = []
        for kind in kinds:
            if len(kinds) > 1:
                await use_index(corpus, urls, kind)
            for name, share in SHARES.items():
                asked = _Asked(transactions, corpus, corpus.callers[name], questions)
                for arm, way in product(ARMS if kind == kinds[0] else _DENSE, _WAYS):
                    found = await asked.recall(arm, _WAYS[way])
                    title = f"{arm}, {share:.1%} of {size:,}{way}"
                    title += f" ({kind})" if arm == "dense" else ""
                    budget = None if way else Budget(ENOUGH, at_least=True)
                    figures.append(Figure("recall@10", title, found, "", budget=budget))
        if kinds[-1] != kinds[0]:
            await use_index(corpus, urls, kinds[0])
        return figures
    finally:
        await engine.dispose()


@dataclass(frozen=True, slots=True)
class _Asked:
    """One caller's questions."""

    transactions: Transactions
    corpus: Corpus
    caller: Caller
    questions: Sequence[str]

    async def recall(self, arm: Arm, arms: ArmSettings) -> float:
        """Give the share of the ten best that one arm finds."""
        caller = self.caller
        reach = Reach(caller.tenant_id, AllOf((InTenant(caller.tenant_id), NotDeleted())))
        scope = Scope(caller.tenant_id, frozenset({caller.name}))
        hits = wanted = 0
        for question in self.questions:
            async with self.transactions.begin(scope) as session:
                query = await self._query(session, arm, question)
                store = PgVectorStore(session, self.corpus.space, arms)
                best = _best(arm, (await store.exact_candidates(query, reach)).items)
                found = _best(arm, (await store.candidates(query, reach)).items)
            wanted += len(best)
            hits += sum(score >= best[-1] - _NOISE for score in found)
        return hits / max(wanted, 1)

    async def _query(self, session: AsyncSession, arm: Arm, question: str) -> CandidateQuery:
        lexical = LexicalModel(TermAnalyzer())
        terms = lexical.query_terms(question, "en", tenant_salt(self.caller.tenant_id))
        df = await document_frequencies(session, [self.caller.collection_id], terms.ids)
        weights = query_weights(terms, df, 10_000)
        vector = (await HashingEmbedder(HashingSettings()).embed([question]))[0]
        by_term = dict(zip(weights.ids, weights.weights, strict=True))
        return CandidateQuery(arm, _DEPTH, vector, by_term)


def _best(arm: Arm, items: Sequence[Candidate]) -> list[float]:
    scores = ((item.lexical if arm == "lexical" else item.dense) or 0.0 for item in items)
    return sorted(scores, reverse=True)[:BEST]
