import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.identity.principal import Principal
from muniment.index import word_search
from muniment.index.pgvector import PgVectorStore
from muniment.index.postings import PostingsRow, Scored, scored
from muniment.index.search_settings import ArmSettings
from muniment.library.policy import access_filter
from muniment.ports.vectors import Candidate, CandidateQuery, Reach
from muniment.postgres.unit_of_work import Scope
from tests.support.chunks import add_chunks, remove_chunks
from tests.support.searching import WIDE
from tests.support.shelf import Shelf

DEPTH = 20


@dataclass(frozen=True)
class Shares:
    """Chunks of which each reader may see another share."""

    shelf: Shelf
    readers: Mapping[float, Principal]


def random_terms(rng: random.Random) -> dict[int, float]:
    """Draw terms as language has them: some are everywhere, most are rare."""
    return {
        min(int(rng.paretovariate(0.6)), 999): rng.uniform(0.1, 2.1)
        for _ in range(rng.randint(5, 30))
    }


def random_query(rng: random.Random) -> dict[int, float]:
    """Draw a question; what is rarer weighs more, as by idf."""
    terms = {min(int(rng.paretovariate(0.4)), 999) for _ in range(6)}
    return {term: math.log1p(term) for term in terms}


@pytest.fixture
async def shares(shelf: Shelf) -> Shares:
    """Write 3,000 chunks in several rounds, of which some are folded, waiting, or gone."""
    rng = random.Random(5)
    collections: dict[float, UUID] = {}
    readers: dict[float, Principal] = {}
    for share in (0.5, 0.1, 0.01):
        collections[share] = await shelf.add_collection({f"group:/{share}": "reader"})
        readers[share] = await shelf.principal(f"r{share}", groups=[f"/{share}"])
    other = await shelf.add_collection({"group:/other": "owner"})
    for _ in range(4):
        made = []
        for share, collection in collections.items():
            chunks = [random_terms(rng) for _ in range(int(750 * share))]
            made += await add_chunks(shelf, collection, chunks, each=3)
        made += await add_chunks(shelf, other, [random_terms(rng) for _ in range(300)], each=3)
        await shelf.fold(rng.randint(400, 700))
        await remove_chunks(shelf, rng.sample(made, 40))
    return Shares(shelf, readers)


def reach_of(principal: Principal) -> Reach:
    return Reach(principal.tenant_id, access_filter(principal))


async def both_ways(
    shelf: Shelf, principal: Principal, terms: Mapping[int, float], arms: ArmSettings = WIDE
) -> tuple[list[Candidate], list[Candidate]]:
    """Search as the product does where much is permitted, and by comparing everything."""
    query = CandidateQuery("lexical", DEPTH, None, terms)
    async with shelf.database.serving.begin(Scope(principal.tenant_id, principal.names)) as session:
        store = PgVectorStore(session, shelf.space, arms)
        found = await store.candidates(query, reach_of(principal))
        exact = await store.exact_candidates(query, reach_of(principal))
    return best_first(found.items), best_first(exact.items)


def best_first(items: Sequence[Candidate]) -> list[Candidate]:
    return sorted(items, key=lambda item: (-(item.lexical or 0.0), item.chunk_id))


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
class TestFoldedAndWaiting:
    async def test_give_what_comparing_everything_gives(self, shares: Shares, share: float) -> None:
        rng = random.Random(int(share * 100))
        hits = wanted = 0
        for _ in range(25):
            found, exact = await both_ways(shares.shelf, shares.readers[share], random_query(rng))
            assert len(found) == len(exact)
            # Ties at the end of a list are told apart by chance.
            border = exact[min(10, len(exact)) - 1].lexical or 0.0
            wanted += min(10, len(exact))
            hits += sum((item.lexical or 0.0) >= border - 1e-6 for item in found[:10])
        assert hits / wanted >= 0.99


class TestBudget:
    @pytest.fixture
    async def words(self, shelf: Shelf) -> list[int]:
        """Write 600 chunks with a frequent word, 30 of which have a rare one as well."""
        collection = await shelf.add_collection({"everyone": "reader"})
        chunks = [{1: 0.5} if n % 20 else {1: 0.4, 2: 1.0} for n in range(600)]
        made = await add_chunks(shelf, collection, chunks, each=6)
        await shelf.fold()
        return made[::20]

    async def test_leaves_frequent_words_to_the_true_scores(
        self, shelf: Shelf, words: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(word_search, "ALL_POSTINGS", 0)
        read: list[int] = []

        def noted(rows: Sequence[PostingsRow], weights: Mapping[int, float]) -> Scored:
            read.extend(row[0] for row in rows)
            return scored(rows, weights)

        monkeypatch.setattr(word_search, "scored", noted)
        found, exact = await both_ways(shelf, await shelf.principal(), {1: 0.1, 2: 3.0})
        assert read == [2, 1]
        monkeypatch.setattr(word_search, "POSTINGS_SHARE", 0.05)
        found, exact = await both_ways(shelf, await shelf.principal(), {1: 0.1, 2: 3.0})
        assert read == [2, 1, 2]
        assert {item.chunk_id for item in found} <= set(words)
        assert [item.lexical for item in found] == [item.lexical for item in exact]

    async def test_is_measured_by_counts_that_are_blurred(
        self, shelf: Shelf, words: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Thirty chunks count as thirty-two, whether or not two of them are hidden."""
        monkeypatch.setattr(word_search, "ALL_POSTINGS", 31)
        monkeypatch.setattr(word_search, "POSTINGS_SHARE", 0.0)
        found, _ = await both_ways(shelf, await shelf.principal(), {1: 0.1, 2: 3.0})
        assert {item.chunk_id for item in found} <= set(words)
        monkeypatch.setattr(word_search, "ALL_POSTINGS", 32)
        read, _ = await both_ways(shelf, await shelf.principal(), {1: 3.0, 2: 0.001})
        assert len(read) == DEPTH


class TestBesideTheFold:
    async def test_a_chunk_is_found_whenever_a_fold_commits(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look at the tail and the look at the postings is the worst moment."""
        collection = await shelf.add_collection({"everyone": "reader"})
        await add_chunks(shelf, collection, [{1: 0.5}] * 4)
        postings = word_search._postings

        async def fold_first(
            connection: AsyncConnection, tenant_id: int, weights: Mapping[int, float]
        ) -> Scored:
            await shelf.fold()
            return await postings(connection, tenant_id, weights)

        monkeypatch.setattr(word_search, "_postings", fold_first)
        found, exact = await both_ways(shelf, await shelf.principal(), {1: 1.0})
        assert found == exact
        assert len(found) == 4

    async def test_scores_stay_when_nothing_but_the_fold_happens(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        rng = random.Random(3)
        await add_chunks(shelf, collection, [random_terms(rng) for _ in range(60)])
        principal, query = await shelf.principal(), random_query(rng)
        before, _ = await both_ways(shelf, principal, query)
        await shelf.fold(30)
        half, _ = await both_ways(shelf, principal, query)
        await shelf.fold()
        whole, _ = await both_ways(shelf, principal, query)
        assert before == half == whole


class TestWalls:
    async def test_many_hidden_chunks_before_the_permitted_hide_none_of_them(
        self, shelf: Shelf
    ) -> None:
        own = await shelf.add_collection({"group:/few": "reader"})
        foreign = await shelf.add_collection({"group:/many": "reader"})
        await add_chunks(shelf, foreign, [{1: 2.0}] * 500, each=5)
        mine = await add_chunks(shelf, own, [{1: 0.2}] * 30)
        await shelf.fold()
        reader = await shelf.principal("reader", groups=["/few"])
        found, _ = await both_ways(shelf, reader, {1: 1.0})
        assert len(found) == DEPTH
        assert {item.chunk_id for item in found} <= set(mine)

    async def test_postings_of_another_tenant_are_not_read(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await add_chunks(shelf, collection, [{1: 0.5}] * 3)
        await shelf.fold(2)
        for tenant, seen in ((shelf.tenant_id, 1), (shelf.tenant_id + 1, 0)):
            async with shelf.database.serving.begin(
                Scope(tenant, frozenset({"everyone"}))
            ) as session:
                for table in ("lex_block", "lex_tail", "lex_fold"):
                    rows = await session.execute(text(f"select * from {table}"))
                    assert len(rows.all()) == seen, table
