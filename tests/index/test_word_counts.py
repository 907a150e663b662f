from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from muniment.index.repository import IndexWriter
from muniment.index.settings import VectorSettings
from muniment.index.spaces import EmbeddingSpaceRef, ensure_space
from muniment.index.word_counts import document_frequencies, terms_of
from muniment.ingestion.repository import IngestionRepository
from muniment.ingestion.tasks import CountWords
from muniment.ports.jobs import word_recount
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Scope
from tests.index.test_repository import IDENTITY, chunk, note_chunks
from tests.support.database import TestDatabase
from tests.support.wall_rows import Library, add_document, add_library

TERMS = (1, 2, 3)
RULE = ["group:/board"]


class Counted:
    """A tenant with two collections, and the words that are counted in them."""

    def __init__(
        self, database: TestDatabase, space: EmbeddingSpaceRef, first: Library, second: UUID
    ) -> None:
        self.database = database
        self.space = space
        self.library = first
        self.second = second

    async def add(
        self, chunks: Sequence[Sequence[int]], *, rule: Sequence[str] | None = None
    ) -> UUID:
        async with self.database.owner.begin() as owner:
            document = await add_document(owner, self.library, principals=rule)
        await self.replace(document, chunks)
        return document

    async def replace(self, document: UUID, chunks: Sequence[Sequence[int]]) -> None:
        async with self.database.worker.begin(Scope(self.library.tenant)) as session:
            held = await IngestionRepository(session).hold_any(document)
            assert held is not None
            cut = [chunk(number, terms) for number, terms in enumerate(chunks)]
            await IndexWriter(session, self.space).replace(held, cut)
            await note_chunks(session, held, len(chunks))

    async def remove(self, document: UUID) -> None:
        async with self.database.worker.begin(Scope(self.library.tenant)) as session:
            held = await IngestionRepository(session).hold_any(document)
            assert held is not None
            await IndexWriter(session, self.space).remove(held)

    async def give_rule(self, document: UUID, rule: str | None) -> None:
        async with self.database.owner.begin() as owner:
            await owner.execute(
                text("update document set rule = cast(:rule as jsonb) where id = :id"),
                {"rule": rule, "id": document},
            )

    async def settle(self, document: UUID) -> None:
        job = word_recount(self.library.tenant, document)
        async with self.database.worker.begin(None) as session:
            await jobs.enqueue(session, [job])
        async with self.database.worker.begin(None) as session:
            claimed = await jobs.claim(session, "test", timedelta(seconds=15))
        assert claimed is not None
        await CountWords(self.database.worker).work(claimed)

    async def df(self, *collections: UUID) -> dict[int, int]:
        wanted = collections or (self.library.collection,)
        async with self.database.serving.begin(Scope(self.library.tenant)) as session:
            return dict(await document_frequencies(session, wanted, TERMS))

    async def total(self) -> int:
        async with self.database.owner.connect() as owner:
            found = await owner.execute(text("select coalesce(sum(chunks), 0) from lex_total"))
            return int(found.scalar_one())


@pytest.fixture
async def counted(database: TestDatabase) -> Counted:
    async with database.owner.connect() as owner:
        space = await ensure_space(owner, IDENTITY, VectorSettings())
    second = uuid4()
    async with database.owner.begin() as owner:
        library = await add_library(owner, 1)
        await owner.execute(
            text(
                "insert into collection (id, tenant_id, name, created_by, revision)"
                " values (:id, 1, 'other', :account, 1)"
            ),
            {"id": second, "account": library.account},
        )
    return Counted(database, space, library, second)


class TestOpenDocuments:
    async def test_are_counted_chunk_by_chunk(self, counted: Counted) -> None:
        await counted.add([[1, 2], [2]])
        await counted.add([[2, 3]])

        assert await counted.df() == {1: 1, 2: 3, 3: 1}
        assert await counted.total() == 3

    async def test_count_in_their_own_collection_alone(self, counted: Counted) -> None:
        await counted.add([[1]])

        assert await counted.df(counted.second) == {}
        assert await counted.df(counted.second, counted.library.collection) == {1: 1}

    async def test_count_once_after_being_read_again(self, counted: Counted) -> None:
        document = await counted.add([[1, 2]])

        await counted.replace(document, [[2], [2, 3]])

        assert await counted.df() == {2: 2, 3: 1}
        assert await counted.total() == 2

    async def test_leave_nothing_behind(self, counted: Counted) -> None:
        document = await counted.add([[1, 2]])

        await counted.remove(document)

        assert await counted.df() == {}
        assert await counted.total() == 0
        async with counted.database.owner.connect() as owner:
            assert (await owner.execute(text("select term from lex_term"))).all() == []


class TestDocumentsWithARule:
    async def test_are_not_counted(self, counted: Counted) -> None:
        document = await counted.add([[1]], rule=RULE)

        assert (await counted.df(), await counted.total()) == ({}, 0)
        await counted.replace(document, [[1], [2]])
        await counted.remove(document)
        assert (await counted.df(), await counted.total()) == ({}, 0)

    @pytest.mark.parametrize("rule", ['{"any_of": []}', '{"all": []}', '{"any_of": ["everyone"]}'])
    async def test_are_taken_out_whatever_the_rule_says(self, counted: Counted, rule: str) -> None:
        document = await counted.add([[1, 2], [2]])

        await counted.give_rule(document, rule)
        await counted.settle(document)

        assert (await counted.df(), await counted.total()) == ({}, 0)

    async def test_are_counted_once_the_rule_is_gone(self, counted: Counted) -> None:
        document = await counted.add([[1, 2], [2]], rule=RULE)

        await counted.give_rule(document, None)
        for _ in range(2):
            await counted.settle(document)

        assert await counted.df() == {1: 1, 2: 2}
        assert await counted.total() == 2

    async def test_are_taken_out_by_reading_again_as_well(self, counted: Counted) -> None:
        document = await counted.add([[1, 2]])

        await counted.give_rule(document, '{"any_of": []}')
        await counted.replace(document, [[3]])
        await counted.settle(document)

        assert (await counted.df(), await counted.total()) == ({}, 0)

    async def test_that_are_gone_settle_into_nothing(self, counted: Counted) -> None:
        await counted.settle(uuid4())

        assert await counted.total() == 0


class TestTermsOf:
    @pytest.mark.parametrize(
        ("lex", "terms"),
        [
            ("{}/536870912", []),
            ("{7:1.5}/536870912", [7]),
            ("{1:0.5,12:1e-05,536870912:2}/9", [1, 12, 536870912]),
        ],
    )
    def test_reads_ids_and_no_weights(self, lex: str, terms: list[int]) -> None:
        assert terms_of(lex) == terms
