import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sqlalchemy import ColumnElement, Select, text
from sqlalchemy.sql import ClauseElement

from muniment.identity.principal import Principal
from muniment.index.pgvector import PgVectorStore
from muniment.index.reach import reachable
from muniment.index.search_settings import ArmSettings
from muniment.index.search_statements import (
    OPENING,
    CandidateStatements,
    checked,
    exceeds,
    permitted_chunks,
    probe,
    tail,
)
from muniment.index.terms import tenant_salt
from muniment.index.word_search import BLOCKS
from muniment.library.policy import access_filter
from muniment.ports.vectors import CandidateQuery, Candidates, Mode, Reach
from muniment.postgres.unit_of_work import Scope
from tests.support.searching import BETWEEN, WIDE, engine_of
from tests.support.shelf import Shelf

Checking = Callable[[int, ColumnElement[bool]], Select[int, float]]

MODES: tuple[Mode, ...] = ("hybrid", "lexical", "dense")
PATHS = pytest.mark.parametrize(
    "arms", [ArmSettings(), BETWEEN, WIDE], ids=["narrow", "between", "wide"]
)


def reach_of(principal: Principal) -> Reach:
    return Reach(principal.tenant_id, access_filter(principal))


async def question(shelf: Shelf, words: str, mode: Mode = "hybrid") -> CandidateQuery:
    vector = (await shelf.embedder.embed([words], purpose="query"))[0]
    terms = shelf.lexical.query_terms(words, "en", tenant_salt(shelf.tenant_id))
    return CandidateQuery(mode, 100, vector, terms.frequencies)


async def ask(
    shelf: Shelf,
    principal: Principal,
    words: str,
    mode: Mode = "hybrid",
    arms: ArmSettings | None = None,
) -> Candidates:
    scope = Scope(principal.tenant_id, principal.names)
    async with shelf.database.serving.begin(scope) as session:
        store = PgVectorStore(session, shelf.space, arms or ArmSettings())
        return await store.candidates(await question(shelf, words, mode), reach_of(principal))


@PATHS
class TestCandidates:
    async def test_both_arms_find_and_every_candidate_has_both_scores(
        self, shelf: Shelf, arms: ArmSettings
    ) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        hit = await shelf.add_document(collection, "The lighthouse keeper counts gulls.")
        miss = await shelf.add_document(collection, "Quarterly turnover rose.", name="b.txt")
        found = await ask(shelf, await shelf.principal(), "lighthouse keeper", arms=arms)
        scores = {item.document_id: item for item in found.items}
        assert (scores[hit.id].lexical or 0.0) > 0.0
        assert (scores[hit.id].dense or 0.0) > 0.0
        assert scores[miss.id].lexical == 0.0
        assert scores[miss.id].dense is not None

    async def test_words_alone_find_only_what_holds_them(
        self, shelf: Shelf, arms: ArmSettings
    ) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        hit = await shelf.add_document(collection, "The lighthouse keeper counts gulls.")
        await shelf.add_document(collection, "Quarterly turnover rose.", name="b.txt")
        found = await ask(shelf, await shelf.principal(), "lighthouse", "lexical", arms)
        assert [item.document_id for item in found.items] == [hit.id]
        assert found.items[0].dense is None

    async def test_a_deleted_document_is_gone_at_once(
        self, shelf: Shelf, arms: ArmSettings
    ) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        document = await shelf.add_document(collection, "The lighthouse keeper counts gulls.")
        await shelf.delete(document)
        for mode in MODES:
            found = await ask(shelf, await shelf.principal(), "lighthouse", mode, arms)
            assert not found.items

    async def test_another_tenant_finds_nothing(self, shelf: Shelf, arms: ArmSettings) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(collection, "The lighthouse keeper counts gulls.")
        stranger = await shelf.principal()
        outside = replace(stranger, tenant_id=shelf.tenant_id + 1)
        for mode in MODES:
            assert not (await ask(shelf, outside, "lighthouse", mode, arms)).items

    async def test_metadata_and_collections_narrow_the_search(
        self, shelf: Shelf, arms: ArmSettings
    ) -> None:
        one = await shelf.add_collection({"everyone": "reader"})
        two = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(one, "The lighthouse of 2025.", metadata={"year": 2025})
        new = await shelf.add_document(one, "The lighthouse of 2026.", metadata={"year": 2026})
        await shelf.add_document(two, "Another lighthouse.", metadata={"year": 2026})
        principal = await shelf.principal()
        reach = Reach(
            principal.tenant_id,
            access_filter(principal),
            frozenset({one}),
            {"type": "eq", "key": "year", "value": 2026},
        )
        async with shelf.database.serving.begin(
            Scope(principal.tenant_id, principal.names)
        ) as session:
            found = await PgVectorStore(session, shelf.space, arms).candidates(
                await question(shelf, "lighthouse"), reach
            )
        assert [item.document_id for item in found.items] == [new.id]


class TestWidth:
    async def test_few_permitted_documents_are_compared_one_by_one(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        for number in range(3):
            await shelf.add_document(collection, f"Lighthouse {number}.", name=f"{number}.txt")
        principal = await shelf.principal()
        narrow = await ask(shelf, principal, "lighthouse", arms=ArmSettings(exact_documents=3))
        many = await ask(shelf, principal, "lighthouse", arms=ArmSettings(exact_documents=2))
        long = await ask(shelf, principal, "lighthouse", arms=ArmSettings(exact_chunks=2))
        assert (narrow.exhaustive, many.exhaustive, long.exhaustive) == (True, False, False)
        assert {item.chunk_id for item in narrow.items} == {item.chunk_id for item in many.items}

    async def test_nothing_permitted_asks_no_index(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"group:/others": "reader"})
        await shelf.add_document(collection, "The lighthouse keeper counts gulls.")
        found = await ask(shelf, await shelf.principal(), "lighthouse", arms=WIDE)
        assert found == Candidates((), exhaustive=True)


@dataclass(frozen=True)
class Crowd:
    """Many documents, few of which one reader may see."""

    shelf: Shelf
    reader: Principal


@pytest.fixture
async def crowd(shelf: Shelf) -> Crowd:
    own = await shelf.add_collection({"group:/few": "reader"})
    foreign = await shelf.add_collection({"group:/many": "reader"})
    maker = await shelf.principal("librarian")
    rng = np.random.default_rng(1)
    async with shelf.database.owner.begin() as connection:
        await connection.execute(
            text(
                "insert into document (id, tenant_id, collection_id, name, media_type, created_by,"
                " bytes, status, ready_version, chunks, revision)"
                " select gen_random_uuid(), :tenant, case when n <= 4 then cast(:own as uuid)"
                " else cast(:foreign as uuid) end, 'n', 'text/plain', :maker, 1, 'ready', 1, 1, 1"
                " from generate_series(1, 1500) n"
            ),
            {
                "tenant": shelf.tenant_id,
                "own": own,
                "foreign": foreign,
                "maker": maker.user_id,
            },
        )
        vectors = [json.dumps(row.tolist()) for row in rng.normal(size=(50, shelf.space.dimension))]
        await connection.execute(
            text(
                "insert into chunk_vector (chunk_id, space, document_id, tenant_id, embedding)"
                " select row_number() over (), :space, id, :tenant,"
                " (cast(:vectors as text[]))[1 + (row_number() over ()) % 50]::halfvec"
                " from document"
            ),
            {"space": shelf.space.id, "tenant": shelf.tenant_id, "vectors": vectors},
        )
        await connection.execute(
            text(
                "insert into chunk_lex (chunk_id, document_id, tenant_id, lex)"
                " select chunk_id, document_id, tenant_id, '{7:1.5}/1000000000' from chunk_vector"
            )
        )
        await connection.execute(
            text(
                "insert into lex_tail select tenant_id, chunk_id from chunk_lex"
                " where chunk_id <= 50"
            )
        )
    await shelf.fold(25)
    async with shelf.database.owner.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await plain.exec_driver_sql(
            "analyze document, chunk_vector, chunk_lex, lex_tail, lex_block, lex_fold"
        )
    return Crowd(shelf, await shelf.principal("reader", groups=["/few"]))


def vector_text(query: CandidateQuery) -> str:
    assert query.vector is not None
    return str(query.vector.tolist())


async def plan_of(crowd: Crowd, statement: ClauseElement, values: Mapping[str, object]) -> str:
    """Give the plan that the reader's transaction would use."""
    compiled = statement.compile(dialect=engine_of(crowd.shelf.database).dialect)
    bound = compiled.construct_params(dict(values)) or {}
    order = getattr(compiled, "positiontup", ())
    scope = Scope(crowd.reader.tenant_id, crowd.reader.names)
    async with crowd.shelf.database.serving.begin(scope) as session:
        await session.execute(OPENING, {"effort": "100", "probes": "20"})
        connection = await session.connection()
        rows = await connection.exec_driver_sql(
            f"explain {compiled}",
            tuple(bound[name] for name in order),
        )
        return "\n".join(rows.scalars())


class TestWidthOfVectors:
    @pytest.mark.parametrize(("most", "rows"), [(0, 1), (3, 1), (4, 0)])
    async def test_is_counted_in_permitted_chunks(self, crowd: Crowd, most: int, rows: int) -> None:
        reader = crowd.reader
        scope = Scope(reader.tenant_id, reader.names)
        async with crowd.shelf.database.serving.begin(scope) as session:
            found = await session.execute(exceeds(most, reachable(reach_of(reader))))
        assert len(found.all()) == rows

    @pytest.mark.parametrize(("most", "by_index"), [(4, 0), (3, 1)])
    async def test_vectors_are_compared_or_looked_up(
        self, crowd: Crowd, most: int, by_index: int
    ) -> None:
        arms = ArmSettings(exact_documents=0, exact_vectors=most)
        scans = text("select pg_stat_get_xact_numscans(cast(:name as regclass))")
        name = {"name": f"chunk_vector_space_{crowd.shelf.space.id}"}
        query, reach = await question(crowd.shelf, "word", "dense"), reach_of(crowd.reader)
        scope = Scope(crowd.reader.tenant_id, crowd.reader.names)
        async with crowd.shelf.database.serving.begin(scope) as session:
            # The connection may not have handed in yet what it counted before.
            before = int(await session.scalar(scans, name) or 0)
            found = await PgVectorStore(session, crowd.shelf.space, arms).candidates(query, reach)
            asked = int(await session.scalar(scans, name) or 0) - before
        assert len(found.items) == 4
        assert asked == by_index


class TestPlans:
    async def test_the_probe_goes_through_indexes(self, crowd: Crowd) -> None:
        condition = reachable(reach_of(crowd.reader))
        plan = await plan_of(crowd, probe(condition, 501), {})
        assert "BitmapOr" in plan
        assert "document_acl_idx" in plan
        assert plan.count("Bitmap Index Scan on document_") == 3
        assert "Seq Scan on document" not in plan

    async def test_counting_chunks_goes_through_indexes_as_well(self, crowd: Crowd) -> None:
        plan = await plan_of(crowd, exceeds(12_000, reachable(reach_of(crowd.reader))), {})
        assert plan.startswith("Limit")
        assert "document_acl_idx" in plan
        assert "Seq Scan on document" not in plan

    async def test_comparing_all_vectors_goes_through_the_documents(self, crowd: Crowd) -> None:
        statements = CandidateStatements(crowd.shelf.space)
        values = {"vector": vector_text(await question(crowd.shelf, "word"))}
        condition = reachable(reach_of(crowd.reader))
        plan = await plan_of(crowd, statements.nearest_exactly(100, condition), values)
        assert "chunk_vector_document_id_idx" in plan
        assert f"chunk_vector_space_{crowd.shelf.space.id}" not in plan

    async def test_the_wide_search_goes_through_the_vector_index_and_keys(
        self, crowd: Crowd
    ) -> None:
        condition = reachable(reach_of(crowd.reader))
        statements = CandidateStatements(crowd.shelf.space)
        query = await question(crowd.shelf, "word")
        values = {"vector": vector_text(query), "tenant": crowd.shelf.tenant_id}
        plan = await plan_of(crowd, statements.nearest(100, condition), values)
        assert f"chunk_vector_space_{crowd.shelf.space.id}" in plan
        assert "document_pkey" in plan
        values |= {"terms": "{7:1}/1000000000", "nearest": [1, 2], "worded": [2, 3]}
        plan = await plan_of(crowd, statements.chosen("hybrid"), values)
        assert "chunk_lex_pkey" in plan
        assert "Seq Scan" not in plan

    @pytest.mark.parametrize(
        ("statement", "index"), [(tail, "lex_tail_pkey"), (checked, "chunk_lex_pkey")]
    )
    async def test_what_the_postings_find_is_checked_by_keys(
        self,
        crowd: Crowd,
        statement: Callable[[int, ColumnElement[bool]], Select[int, float]],
        index: str,
    ) -> None:
        condition = reachable(reach_of(crowd.reader))
        values = {"terms": "{7:1}/1000000000", "tenant": crowd.shelf.tenant_id, "found": [1, 2]}
        plan = await plan_of(crowd, statement(100, condition), values)
        assert index in plan
        assert "chunk_lex_pkey" in plan
        assert "document_pkey" in plan
        assert "Seq Scan" not in plan

    async def test_the_permitted_chunks_are_listed_through_the_permitted_documents(
        self, crowd: Crowd
    ) -> None:
        condition = reachable(reach_of(crowd.reader))
        plan = await plan_of(crowd, permitted_chunks(condition), {})
        assert "chunk_lex_document_id_idx" in plan
        assert "document_acl_idx" in plan
        assert "Seq Scan" not in plan

    async def test_postings_are_read_by_tenant_and_term(self, crowd: Crowd) -> None:
        values = {"tenant": crowd.shelf.tenant_id, "ids": [7], "least": 1, "share": 0.5}
        plan = await plan_of(crowd, BLOCKS, values)
        assert "lex_block_pkey" in plan
        assert "Seq Scan" not in plan

    async def test_the_narrow_search_goes_through_the_documents(self, crowd: Crowd) -> None:
        statements = CandidateStatements(crowd.shelf.space)
        query = await question(crowd.shelf, "word")
        values = {
            "vector": vector_text(query),
            "terms": "{7:1}/1000000000",
            "documents": [crowd.reader.user_id],
        }
        plan = await plan_of(crowd, statements.narrow("hybrid", 100), values)
        assert "chunk_vector_document_id_idx" in plan
        assert "chunk_lex_document_id_idx" in plan
        assert f"chunk_vector_space_{crowd.shelf.space.id}" not in plan
