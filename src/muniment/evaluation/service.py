"""Measures search and answers on a data set, through the very services that callers use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from muniment.answers.schemas import AnswerRequest
from muniment.answers.service import AnswerService
from muniment.evaluation import metrics
from muniment.evaluation.corpus import EvaluationCorpus, FilledCorpus, Progress
from muniment.evaluation.dataset import Dataset, Query
from muniment.evaluation.models import Scores
from muniment.identity.principal import Principal
from muniment.ports.vectors import Mode
from muniment.retrieval.fusion import RankedChunk
from muniment.retrieval.schemas import SearchRequest
from muniment.retrieval.service import SearchService

_NEAR, _FAR = 10, 100
_DEEP = 400
"""Depth of the second look, where one document holds many of the first hundred chunks."""
_MAX_QUESTION = 4096


@dataclass(frozen=True, slots=True)
class _Measured:
    ndcg: float
    recall_near: float
    recall_far: float
    reciprocal_rank: float


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
        modes: Sequence[Mode] = ("hybrid",),
        progress: Progress = lambda _stage, _done, _total: None,
    ) -> list[Scores]:
        """Ingest the documents, ask all questions in each mode, and remove everything again."""
        async with self._corpus.filled(principal, dataset.documents, progress) as filled:
            answered = await self._answer(principal, dataset, filled, progress)
            return [
                await self._measure(principal, dataset, filled, mode, answered, progress)
                for mode in modes
            ]

    async def _measure(
        self,
        principal: Principal,
        dataset: Dataset,
        filled: FilledCorpus,
        mode: Mode,
        answered: float | None,
        progress: Progress,
    ) -> Scores:
        queries = [query for query in dataset.queries if query.id in dataset.relevant]
        measured = []
        for done, query in enumerate(queries, 1):
            ranked = await self._rank(principal, query, filled, mode)
            measured.append(_measure_one(ranked, dataset.relevant[query.id]))
            progress(f"search, {mode}", done, len(queries))
        return Scores(
            mode=mode,
            queries=len(queries),
            ndcg_10=fmean(one.ndcg for one in measured),
            recall_10=fmean(one.recall_near for one in measured),
            recall_100=fmean(one.recall_far for one in measured),
            mrr_10=fmean(one.reciprocal_rank for one in measured),
            answer_3=answered,
            documents=len(filled.ids),
            failed=filled.failed,
        )

    async def _rank(
        self, principal: Principal, query: Query, filled: FilledCorpus, mode: Mode
    ) -> list[str]:
        """Rank documents by their best chunk, as callers would see them; look deeper for more."""
        request = SearchRequest(
            query=query.text[:_MAX_QUESTION], collections=[filled.collection_id], mode=mode
        )
        ranking = await self._search.rank(principal, request)
        ranked = _documents(ranking.chunks, filled)
        if len(ranked) < min(_FAR, len(filled.ids)):
            deeper = await self._search.rank(principal, request, _DEEP)
            ranked = list(dict.fromkeys([*ranked, *_documents(deeper.chunks, filled)]))
        return ranked

    async def _answer(
        self, principal: Principal, dataset: Dataset, filled: FilledCorpus, progress: Progress
    ) -> float | None:
        """Give the share of the questions whose answer stands in the quotes."""
        queries = [query for query in dataset.queries if query.answers]
        if not queries:
            return None
        found = 0
        for done, query in enumerate(queries, 1):
            answer = await self._answers.answer(
                principal,
                AnswerRequest(
                    question=query.text[:_MAX_QUESTION], collections=[filled.collection_id]
                ),
            )
            quotes = [citation.quote for citation in answer.citations]
            found += metrics.holds_answer(quotes, query.answers)
            progress("answer", done, len(queries))
        return found / len(queries)


def _documents(chunks: Sequence[RankedChunk], filled: FilledCorpus) -> list[str]:
    return list(dict.fromkeys(filled.ids[chunk.document_id] for chunk in chunks))


def _measure_one(ranked: Sequence[str], gains: Mapping[str, float]) -> _Measured:
    return _Measured(
        ndcg=metrics.ndcg(ranked, gains, _NEAR),
        recall_near=metrics.recall(ranked, gains, _NEAR),
        recall_far=metrics.recall(ranked, gains, _FAR),
        reciprocal_rank=metrics.reciprocal_rank(ranked, gains, _NEAR),
    )
