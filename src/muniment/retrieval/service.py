"""From a question to the passages that fit best, among those that the caller may read."""

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.index.language import LanguageDetector
from muniment.index.lexical import LexicalModel, idf, query_weights
from muniment.index.terms import tenant_salt
from muniment.index.token_states import QuestionStates
from muniment.index.word_counts import document_frequencies
from muniment.kit.hit_metrics import HitFigures
from muniment.library.errors import CollectionNotFoundError
from muniment.library.policy import access_filter
from muniment.ports.vectors import CandidateQuery, Reach, VectorStore
from muniment.postgres.unit_of_work import Scope, Transactions
from muniment.retrieval.closeness import CloserLook, WeighedWords
from muniment.retrieval.fusion import Fusion, RankedChunk
from muniment.retrieval.passages import Found, Passage, Ranking, Understanding, Withheld
from muniment.retrieval.query_vectors import QueryVectors, QuestionEmbedding
from muniment.retrieval.repository import Grounds, PassageRepository
from muniment.retrieval.schemas import SearchRequest
from muniment.retrieval.settings import SearchSettings

StoreOf: TypeAlias = Callable[[AsyncSession], VectorStore]
"""Gives the vector store that works within a transaction, or beside it."""


class SearchService:
    """Searches for callers. Opens one short transaction for each search, after embedding."""

    def __init__(
        self,
        transactions: Transactions,
        store_of: StoreOf,
        vectors: QueryVectors,
        detector: LanguageDetector,
        lexical: LexicalModel,
        settings: SearchSettings,
    ) -> None:
        self._transactions = transactions
        self._store_of = store_of
        self._vectors = vectors
        self._detector = detector
        self._lexical = lexical
        self._settings = settings

    def vector_figures(self) -> HitFigures:
        """Tell how often the vector of a question was known."""
        counts = self._vectors.counts
        return HitFigures(counts.hits, counts.misses)

    async def search(self, principal: Principal, request: SearchRequest) -> Found:
        """Find the best passages. Raises CollectionNotFoundError."""
        begun = time.perf_counter()
        question = await self._embedded(request)
        embedded = time.perf_counter()
        async with self._transactions.begin(Scope(principal.tenant_id, principal.names)) as session:
            ranking = await self._rank(
                session, principal, request, question, self._settings.depth, request.top_k
            )
            ranked = time.perf_counter()
            passages = await _read(session, ranking.chunks, ranking.reach)
        ended = time.perf_counter()
        timings = {
            "embed": embedded - begun,
            "rank": ranked - embedded,
            "read": ended - ranked,
            "total": ended - begun,
        }
        rounded = {step: round(1000 * seconds, 1) for step, seconds in timings.items()}
        # Last and by itself: nothing that other callers may see depends on it, times included.
        withheld = await self._withheld(principal, request, ranking.reach)
        return Found(passages, ranking, rounded, withheld)

    async def rank(
        self, principal: Principal, request: SearchRequest, depth: int | None = None
    ) -> Ranking:
        """Rank all candidates without reading them, as deep as wanted: for measuring."""
        question = await self._embedded(request)
        depth = depth or self._settings.depth
        async with self._transactions.begin(Scope(principal.tenant_id, principal.names)) as session:
            return await self._rank(session, principal, request, question, depth)

    async def _withheld(
        self, principal: Principal, request: SearchRequest, reach: Reach
    ) -> Withheld | None:
        if not request.explain or Permission.AUDIT_READ not in principal.permissions:
            return None
        async with self._transactions.begin(Scope(principal.tenant_id, principal.names)) as session:
            return await PassageRepository(session).count_withheld(reach)

    async def _embedded(self, request: SearchRequest) -> QuestionEmbedding | None:
        return None if request.mode == "lexical" else await self._vectors.of(request.query)

    async def _rank(
        self,
        session: AsyncSession,
        principal: Principal,
        request: SearchRequest,
        question: QuestionEmbedding | None,
        depth: int,
        best: int | None = None,
    ) -> Ranking:
        grounds = await PassageRepository(session).survey(principal, request.collections)
        if grounds.collections < len(set(request.collections or ())):
            raise CollectionNotFoundError
        store = self._store_of(session)
        vector = None if question is None else question.vector
        states = self._states(request, question, store)
        words = () if states is None else states.words
        understanding = await self._understand(session, principal, request.query, grounds, words)
        reach = _reach(principal, request)
        weights = zip(understanding.terms.ids, understanding.terms.weights, strict=True)
        candidates = await store.candidates(
            CandidateQuery(request.mode, depth, vector, dict(weights)), reach
        )
        fusion = Fusion.of(candidates.items, understanding.lexical_share)
        if states is not None and vector is not None:
            weighed = WeighedWords(states, understanding.words)
            fusion = await CloserLook(store, vector, weighed, self._settings.closely).at(fusion)
        return Ranking(
            chunks=fusion.ranked(best),
            candidates=len(candidates.items),
            mode=request.mode,
            reach=reach,
            vector=vector,
            understanding=understanding,
            exhaustive=candidates.exhaustive,
        )

    def _states(
        self, request: SearchRequest, question: QuestionEmbedding | None, store: VectorStore
    ) -> QuestionStates | None:
        """Give what a closer look compares; None where none is wanted, or none can be taken."""
        wanted = self._settings.closely.enabled if request.rerank is None else request.rerank
        if not wanted or request.mode != "hybrid" or not store.capabilities.close_looks:
            return None
        return None if question is None else question.states

    async def _understand(
        self,
        session: AsyncSession,
        principal: Principal,
        query: str,
        grounds: Grounds,
        words: Sequence[str],
    ) -> Understanding:
        settings, languages = self._settings, grounds.languages
        default = languages[0] if len(languages) == 1 else settings.language
        language = self._detector.of_query(query, default)
        others = sorted({*languages, settings.language} - {language})
        salt = tenant_salt(principal.tenant_id)
        terms = self._lexical.query_terms(query, language, salt, also=others)
        of_words = [self._lexical.word_terms(word, language, salt, also=others) for word in words]
        wanted = sorted({*terms.ids, *(term for found in of_words for term in found)})
        df = await document_frequencies(session, grounds.counted, wanted)
        known = self._vectors.embedder.languages
        is_known = not known or language in known
        return Understanding(
            language=language,
            terms=query_weights(terms, df, grounds.chunks),
            lexical_share=settings.lexical_share if is_known else settings.foreign_lexical_share,
            is_embedded=is_known,
            words=[
                max((idf(df.get(term, 0), grounds.chunks) for term in found), default=0.0)
                for found in of_words
            ],
        )


def _reach(principal: Principal, request: SearchRequest) -> Reach:
    collections = None if request.collections is None else frozenset(request.collections)
    metadata = None if request.filter is None else request.filter.model_dump(mode="json")
    return Reach(principal.tenant_id, access_filter(principal), collections, metadata)


async def _read(
    session: AsyncSession, chunks: Sequence[RankedChunk], reach: Reach
) -> list[Passage]:
    """Read the text of the best; what the walls withhold by now is left out."""
    if not chunks:
        return []
    texts = await PassageRepository(session).list_passages(
        [chunk.chunk_id for chunk in chunks], reach
    )
    by_id = {text.chunk_id: text for text in texts}
    return [Passage(by_id[chunk.chunk_id], chunk) for chunk in chunks if chunk.chunk_id in by_id]
