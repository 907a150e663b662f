"""From a question to an answer whose every quote is literally true."""

import asyncio
import time
from collections.abc import Iterator, Sequence

import numpy as np
import structlog

from muniment.answers.citations import Answer, Citation, SourceQuote, SourceSpan
from muniment.answers.extraction import (
    MOST_RELEVANT,
    Evidence,
    ScoredSentence,
    Sentence,
    choose,
    score_sentences,
    sentences_of,
)
from muniment.answers.repository import QuoteRepository
from muniment.answers.schemas import AnswerRequest
from muniment.answers.settings import AnswerSettings
from muniment.identity.principal import Principal
from muniment.index.lexical import LexicalModel
from muniment.index.terms import tenant_salt
from muniment.ports.embedding import Embedder, Vector
from muniment.postgres.unit_of_work import Scope, Transactions
from muniment.retrieval.passages import Found, Understanding
from muniment.retrieval.schemas import SearchRequest
from muniment.retrieval.service import SearchService

NO_ANSWER = "The documents do not say."

_log = structlog.get_logger(__name__)


class AnswerService:
    """Answers from the caller's documents without a language model: by quoting them."""

    def __init__(
        self,
        transactions: Transactions,
        search: SearchService,
        embedder: Embedder,
        lexical: LexicalModel,
        settings: AnswerSettings,
    ) -> None:
        self._transactions = transactions
        self._search = search
        self._embedder = embedder
        self._lexical = lexical
        self._settings = settings

    async def answer(self, principal: Principal, request: AnswerRequest) -> Answer:
        """Answer a question, or say that the documents do not."""
        begun = time.perf_counter()
        found = await self._search.search(
            principal,
            SearchRequest(
                query=request.question,
                collections=request.collections,
                filter=request.filter,
                top_k=request.top_k or self._settings.passages,
            ),
        )
        searched = time.perf_counter()
        chosen = await self._choose(principal, found, request.question)
        extracted = time.perf_counter()
        citations = await self._cite(principal, found, chosen)
        ended = time.perf_counter()
        timings = {
            "search": searched - begun,
            "extract": extracted - searched,
            "verify": ended - extracted,
            "total": ended - begun,
        }
        return Answer(
            text=_compose(citations) if citations else NO_ANSWER,
            mode="extractive" if citations else "none",
            citations=citations,
            timings_ms={step: round(1000 * seconds, 1) for step, seconds in timings.items()},
        )

    async def _choose(
        self, principal: Principal, found: Found, question: str
    ) -> list[ScoredSentence]:
        """Take the best sentences; none when not even the best fits the question."""
        sentences = sentences_of(found.passages, question)
        if not sentences:
            return []
        vectors = await self._embedder.embed([sentence.text for sentence in sentences])
        scored = await asyncio.to_thread(
            self._score, found, sentences, vectors, tenant_salt(principal.tenant_id)
        )
        best = max(one.relevance for one in scored)
        if best < self._settings.min_relevance:
            return []
        telling = [one for one in scored if one.relevance >= self._settings.min_share * best]
        return choose(telling, self._settings.sentences)

    def _score(
        self, found: Found, sentences: Sequence[Sentence], vectors: Sequence[Vector], salt: bytes
    ) -> list[ScoredSentence]:
        understanding, question = found.ranking.understanding, found.ranking.vector
        evidence = [
            Evidence(
                terms=self._terms(understanding, sentence.text, salt),
                cosine=0.0 if question is None else float(np.dot(question, vector)),
            )
            for sentence, vector in zip(sentences, vectors, strict=True)
        ]
        return score_sentences(
            sentences, evidence, understanding.terms, self._settings.passage_share
        )

    def _terms(self, understanding: Understanding, text: str, salt: bytes) -> frozenset[int]:
        weights = self._lexical.document_weights("", text, understanding.language, salt)
        return frozenset(weights.ids)

    async def _cite(
        self, principal: Principal, found: Found, chosen: Sequence[ScoredSentence]
    ) -> list[Citation]:
        """Compare every quote with its source, at this moment and under the caller's rights."""
        if not chosen:
            return []
        spans = [_span(one.sentence) for one in chosen]
        async with self._transactions.begin(Scope(principal.tenant_id, principal.names)) as session:
            quotes = await QuoteRepository(session).find_quotes(spans, found.ranking.reach)
        return list(_verified(chosen, spans, quotes))


def _verified(
    chosen: Sequence[ScoredSentence],
    spans: Sequence[SourceSpan],
    quotes: dict[SourceSpan, SourceQuote],
) -> Iterator[Citation]:
    """Give a citation for each sentence that stands in its source; drop the others."""
    marker = 0
    for one, span in zip(chosen, spans, strict=True):
        source = quotes.get(span)
        if source is None or source.text != one.sentence.text:
            _log.warning(
                "citation_dropped",
                document=str(span.document_id),
                version=span.version,
                withheld=source is None,
            )
            continue
        marker += 1
        place = one.sentence.passage.place
        yield Citation(
            marker=marker,
            span=span,
            document_name=place.document_name,
            uri=place.uri,
            page=source.page,
            quote=source.text,
            status="verified",
            score=round(min(max(one.relevance / MOST_RELEVANT, 0.0), 1.0), 4),
        )


def _span(sentence: Sentence) -> SourceSpan:
    place = sentence.passage.place
    return SourceSpan(place.document_id, place.version, sentence.start, sentence.end)


def _compose(citations: Sequence[Citation]) -> str:
    """Write the quotes one after the other, each with its marker; rows and items on their own."""
    parts = []
    for citation in citations:
        words = " ".join(citation.quote.split())
        ending = " " if words[-1] in ".!?\u2026\u3002\uff01\uff1f\"'\u201d\u2019)" else "\n"
        parts.append(f"{words} [{citation.marker}]{ending}")
    return "".join(parts).strip()
