"""Measures search and answers on a data set, through the very services that callers use."""

from collections.abc import Mapping, Sequence

from muniment.answers.schemas import AnswerRequest
from muniment.answers.service import AnswerService
from muniment.evaluation import metrics
from muniment.evaluation.corpus import EvaluationCorpus, FilledCorpus, Progress
from muniment.evaluation.dataset import Dataset, Query
from muniment.evaluation.models import ANSWERED, Arm, ByQuestion, Scores
from muniment.identity.principal import Principal
from muniment.retrieval.fusion import RankedChunk
from muniment.retrieval.schemas import SearchRequest
from muniment.retrieval.service import SearchService

_NEAR, _FAR = 10, 100
_DEEP = 400
"""Depth of the second look, where one document holds many of the first hundred chunks."""
_MAX_QUESTION = 4096
_TOP = 3
_IN_TOP = "answer_in_top@3"
"""Whether the answer stands in the first three passages."""


class Evaluator:
    """Runs a data set through the product. The principal should belong to a tenant of its own."""

    def __init__(
        self, corpus: EvaluationCorpus, search: SearchService, answers: AnswerService
    ) -> None:
        self._corpus = corpus
        self._search = search
        self._answers = answers

    async def run(
        self,
        principal: Principal,
        dataset: Dataset,
        *,
        arms: Sequence[Arm] = ("hybrid",),
        progress: Progress = lambda _stage, _done, _total: None,
    ) -> list[Scores]:
        """Ingest the documents, ask all questions in each way, and remove everything again."""
        async with self._corpus.filled(principal, dataset.documents, progress) as filled:
            answered = await self._answer(principal, dataset, filled, progress)
            return [
                await self._measure(principal, dataset, filled, arm, answered, progress)
                for arm in arms
            ]

    async def _measure(
        self,
        principal: Principal,
        dataset: Dataset,
        filled: FilledCorpus,
        arm: Arm,
        answered: ByQuestion,
        progress: Progress,
    ) -> Scores:
        queries = [query for query in dataset.queries if query.id in dataset.relevant]
        figures: dict[str, dict[str, float]] = {}
        for done, query in enumerate(queries, 1):
            ranked = await self._rank(principal, query, filled, arm)
            measured = _measure_one(ranked, dataset.relevant[query.id])
            if query.answers:
                measured[_IN_TOP] = await self._holds_answer(principal, query, filled, arm)
            for name, value in measured.items():
                figures.setdefault(name, {})[query.id] = value
            progress(f"search, {arm}", done, len(queries))
        told = {ANSWERED: answered} if answered else {}
        return Scores(arm, {**figures, **told}, len(filled.ids), filled.failed)

    async def _rank(
        self, principal: Principal, query: Query, filled: FilledCorpus, arm: Arm
    ) -> list[str]:
        """Rank documents by their best chunk, as callers would see them; look deeper for more."""
        request = _request(query, filled, arm)
        ranking = await self._search.rank(principal, request)
        ranked = _documents(ranking.chunks, filled)
        if len(ranked) < min(_FAR, len(filled.ids)):
            deeper = await self._search.rank(principal, request, _DEEP)
            ranked = list(dict.fromkeys([*ranked, *_documents(deeper.chunks, filled)]))
        return ranked

    async def _holds_answer(
        self, principal: Principal, query: Query, filled: FilledCorpus, arm: Arm
    ) -> float:
        """Tell whether the answer stands in one of the first passages."""
        found = await self._search.search(principal, _request(query, filled, arm, top_k=_TOP))
        texts = [passage.place.text for passage in found.passages]
        return float(metrics.holds_answer(texts, query.answers))

    async def _answer(
        self, principal: Principal, dataset: Dataset, filled: FilledCorpus, progress: Progress
    ) -> ByQuestion:
        """Tell of each question that carries answers whether one stands in the quotes."""
        queries = [query for query in dataset.queries if query.answers]
        found = {}
        for done, query in enumerate(queries, 1):
            answer = await self._answers.answer(
                principal,
                AnswerRequest(
                    question=query.text[:_MAX_QUESTION], collections=[filled.collection_id]
                ),
            )
            quotes = [citation.quote for citation in answer.citations]
            found[query.id] = float(metrics.holds_answer(quotes, query.answers))
            progress("answer", done, len(queries))
        return found


def _request(query: Query, filled: FilledCorpus, arm: Arm, top_k: int = _NEAR) -> SearchRequest:
    return SearchRequest(
        query=query.text[:_MAX_QUESTION],
        collections=[filled.collection_id],
        mode="hybrid" if arm == "plain" else arm,
        rerank=False if arm == "plain" else None,
        top_k=top_k,
    )


def _documents(chunks: Sequence[RankedChunk], filled: FilledCorpus) -> list[str]:
    return list(dict.fromkeys(filled.ids[chunk.document_id] for chunk in chunks))


def _measure_one(ranked: Sequence[str], gains: Mapping[str, float]) -> dict[str, float]:
    return {
        "ndcg@10": metrics.ndcg(ranked, gains, _NEAR),
        "recall@10": metrics.recall(ranked, gains, _NEAR),
        "recall@100": metrics.recall(ranked, gains, _FAR),
        "mrr@10": metrics.reciprocal_rank(ranked, gains, _NEAR),
    }
