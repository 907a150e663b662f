"""From a question to an answer whose every quote is literally true."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from muniment.answers.citations import Answer, Citation, SourceQuote, SourceSpan
from muniment.answers.confidence import Signals, confidence
from muniment.answers.extraction import (
    MOST_RELEVANT,
    Evidence,
    ScoredSentence,
    Sentence,
    choose,
    score_sentences,
    sentences_of,
)
from muniment.answers.phrases import no_answer
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

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be quoted, and how likely it is that it answers the question."""

    sentences: Sequence[ScoredSentence]
    signals: Signals | None
    """None where there was no sentence at all."""
    confidence: float


NOTHING = Draft((), None, 0.0)


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
        found = await self._find(principal, request)
        searched = time.perf_counter()
        draft = await self._draft(principal, found, request.question)
        chosen = draft.sentences if draft.confidence >= self._settings.abstain_below else ()
        extracted = time.perf_counter()
        citations = await self._cite(principal, found, chosen)
        ended = time.perf_counter()
        language = found.ranking.understanding.language
        timings = {
            "search": searched - begun,
            "extract": extracted - searched,
            "verify": ended - extracted,
            "total": ended - begun,
        }
        return Answer(
            text=_compose(citations) if citations else no_answer(language),
            mode="extractive" if citations else "none",
            citations=citations,
            timings_ms={step: round(1000 * seconds, 1) for step, seconds in timings.items()},
        )

    async def draft(self, principal: Principal, request: AnswerRequest) -> Draft:
        """Choose what would be quoted, however little speaks for it: for measuring."""
        found = await self._find(principal, request)
        return await self._draft(principal, found, request.question)

    async def _find(self, principal: Principal, request: AnswerRequest) -> Found:
        return await self._search.search(
            principal,
            SearchRequest(
                query=request.question,
                collections=request.collections,
                filter=request.filter,
                top_k=request.top_k or self._settings.passages,
            ),
        )

    async def _draft(self, principal: Principal, found: Found, question: str) -> Draft:
        sentences = sentences_of(found.passages, question)
        if not sentences:
            return NOTHING
        vectors = await self._embedder.embed([sentence.text for sentence in sentences])
        scored = await asyncio.to_thread(
            self._score, found, sentences, vectors, tenant_salt(principal.tenant_id)
        )
        best = max(scored, key=lambda one: one.relevance)
        least = self._settings.min_share * best.relevance
        telling = [one for one in scored if one.relevance >= least]
        signals = _signals(found, best)
        return Draft(
            choose(telling, self._settings.sentences),
            signals,
            confidence(signals, self._embedder.identity),
        )

    def _score(
        self, found: Found, sentences: Sequence[Sentence], vectors: Sequence[Vector], salt: bytes
    ) -> list[ScoredSentence]:
        understanding = found.ranking.understanding
        question = found.ranking.vector if understanding.is_embedded else None
        evidence = [
            Evidence(
                terms=self._terms(understanding, sentence.text, salt),
                cosine=None if question is None else float(np.dot(question, vector)),
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


def _signals(found: Found, best: ScoredSentence) -> Signals:
    ranked = [passage.ranked for passage in found.passages]
    by_words = [one.lexical.score for one in ranked if one.lexical is not None]
    closely = [one.closely for one in ranked if one.closely is not None]
    weight = sum(found.ranking.understanding.terms.weights)
    return Signals(
        words=best.words,
        passage=max(by_words, default=0.0) / weight if weight > 0.0 else 0.0,
        meaning=best.cosine,
        closely=max(closely, default=None),
    )


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
