"""How much the indexes find of what comparing everything finds, on the data that is there.

Chunks that are there serve as questions, since nobody knows the real ones: their vector, and a few
of their words. Only numbers come out. It asks with no caller in mind, so it runs as the owner of
the tables, whom no policy binds: for those who operate the product.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.index.lexical import QueryTerms, query_weights
from muniment.index.pgvector import PgVectorStore
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.index.word_counts import terms_of
from muniment.ports.access import AllOf, InTenant, NotDeleted
from muniment.ports.vectors import Candidate, CandidateQuery, Reach

BEST = 10
ENOUGH = 0.95
"""What a search has to find of the ten best (docs/guides/benchmark.md)."""

Arm = Literal["lexical", "dense"]
ARMS: tuple[Arm, ...] = ("lexical", "dense")

_DEPTH = 100
_WORDS = 6
_NOISE = 1e-6
_LARGEST = text(
    """
    select tenant_id, sum(chunks) from document where deleted_at is null
    group by tenant_id having sum(chunks) > 0 order by 2 desc limit 1
    """
)
_COLLECTIONS = text(
    """
    select collection_id, sum(chunks) from document
    where tenant_id = :tenant_id and deleted_at is null
    group by collection_id order by 2 desc limit :most
    """
)
_SAMPLE = text(
    """
    select v.chunk_id, v.embedding::text, k.lex::text from (
        select id from document
        where tenant_id = :tenant_id and deleted_at is null and chunks > 0
            and (cast(:collection_id as uuid) is null or collection_id = :collection_id)
        order by random() limit :count
    ) d cross join lateral (
        select chunk_id, embedding from chunk_vector
        where document_id = d.id and space = :space order by random() limit 1
    ) v join chunk_lex k on k.chunk_id = v.chunk_id
    """
)
_POSTINGS = text(
    """
    select term, cast(sum(postings) as bigint) from lex_block
    where tenant_id = :tenant_id and term = any(cast(:terms as int[])) group by term
    """
)


@dataclass(frozen=True, slots=True)
class Place:
    """A part of the library that is searched: a tenant, or one of its collections."""

    tenant_id: int
    collection_id: UUID | None
    chunks: int

    @property
    def reach(self) -> Reach:
        """All documents of the place, whoever may see them."""
        everything = AllOf((InTenant(self.tenant_id), NotDeleted()))
        wanted = None if self.collection_id is None else frozenset({self.collection_id})
        return Reach(self.tenant_id, everything, wanted)


@dataclass(frozen=True, slots=True)
class Question:
    """A chunk as a question: it finds itself, which counts for nothing."""

    chunk_id: int
    query: Mapping[Arm, CandidateQuery]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one arm found in one place."""

    place: Place
    arm: Arm
    recall: float
    """Share of the ten best that were found, between 0 and 1."""


async def largest_places(session: AsyncSession, collections: int) -> list[Place]:
    """Name the largest tenant and the largest of its collections; a small one says little."""
    largest = (await session.execute(_LARGEST)).one_or_none()
    if largest is None:
        return []
    tenant_id, chunks = largest
    values = {"tenant_id": tenant_id, "most": collections}
    parts = [Place(tenant_id, *row) for row in await session.execute(_COLLECTIONS, values)]
    return [Place(tenant_id, None, chunks), *(part for part in parts if part.chunks < chunks)]


async def sample_questions(
    session: AsyncSession, space: EmbeddingSpaceRef, place: Place, count: int, seed: int = 1
) -> list[Question]:
    """Make questions of chunks of a place, each from another document."""
    values = {
        "tenant_id": place.tenant_id,
        "collection_id": place.collection_id,
        "space": space.id,
        "count": count,
    }
    rows = (await session.execute(_SAMPLE, values)).all()
    dice = random.Random(seed)  # noqa: S311 - no secret hangs on it
    words = [_some(terms_of(lex), dice) for _, _, lex in rows]
    counts = await _postings(session, place.tenant_id, sorted({t for some in words for t in some}))
    return [
        _question(chunk_id, vector, some, counts, place.chunks)
        for (chunk_id, vector, _), some in zip(rows, words, strict=True)
    ]


async def measure_recall(
    store: PgVectorStore, place: Place, questions: Sequence[Question]
) -> list[Measured]:
    """Ask every question both ways; nothing of an arm that compares everything here anyway."""
    found: dict[Arm, list[float]] = {arm: [] for arm in ARMS}
    for question in questions:
        for arm in ARMS:
            query = question.query[arm]
            candidates = await store.candidates(query, place.reach)
            if candidates.exhaustive:
                continue
            exact = await store.exact_candidates(query, place.reach)
            best = _best(arm, question, exact.items)
            if best:
                found[arm].append(_share(best, _best(arm, question, candidates.items)))
    return [
        Measured(place, arm, sum(shares) / len(shares)) for arm, shares in found.items() if shares
    ]


def _some(terms: Sequence[int], dice: random.Random) -> list[int]:
    return dice.sample(terms, min(_WORDS, len(terms)))


async def _postings(
    session: AsyncSession, tenant_id: int, terms: Sequence[int]
) -> Mapping[int, int]:
    rows = await session.execute(_POSTINGS, {"tenant_id": tenant_id, "terms": list(terms)})
    return {int(row[0]): int(row[1]) for row in rows}


def _question(
    chunk_id: int, vector: str, words: Sequence[int], counts: Mapping[int, int], chunks: int
) -> Question:
    weights = query_weights(QueryTerms(dict.fromkeys(words, 1.0)), counts, chunks)
    numbers = np.fromstring(vector.strip("[]"), np.float32, sep=",")
    terms = dict(zip(weights.ids, weights.weights, strict=True))
    return Question(
        chunk_id,
        {
            "dense": CandidateQuery("dense", _DEPTH, numbers),
            "lexical": CandidateQuery("lexical", _DEPTH, terms=terms),
        },
    )


def _best(arm: Arm, question: Question, items: Sequence[Candidate]) -> list[float]:
    """Give the ten best scores. Equal ones are equally good, whichever chunk has them."""
    scores = [
        (item.lexical if arm == "lexical" else item.dense) or 0.0
        for item in items
        if item.chunk_id != question.chunk_id
    ]
    return sorted(scores, reverse=True)[:BEST]


def _share(best: Sequence[float], found: Sequence[float]) -> float:
    return sum(score >= best[-1] - _NOISE for score in found) / len(best)
