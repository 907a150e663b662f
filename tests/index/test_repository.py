import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.index.chunking import ChunkSpan
from muniment.index.lexical import SparseTerms
from muniment.index.repository import HeldDocument, IndexedChunk, IndexWriter, halfvec_text
from muniment.index.settings import VectorSettings
from muniment.index.spaces import EmbeddingSpaceRef, ensure_space
from muniment.index.sparsevec import sparsevec_text
from muniment.index.terms import MAX_TERM_ID
from muniment.ingestion.repository import IngestionRepository
from muniment.library.models import Document
from muniment.ports.embedding import EmbedderIdentity
from muniment.postgres.unit_of_work import Scope
from tests.support.database import TestDatabase
from tests.support.wall_rows import Library, add_document, add_library

IDENTITY = EmbedderIdentity("repository-test", 4, "1")


def chunk(ordinal: int, terms: Sequence[int] = (1, 2)) -> IndexedChunk:
    ids = tuple(sorted(set(terms)))
    span = ChunkSpan(ordinal * 10, ordinal * 10 + 9, ordinal % 3 or None, ("A", "B, \\ {c}"))
    vector = np.array([1, -0.5, 0.25, ordinal / 1000], dtype=np.float32)
    weights = tuple(1 / (3 + place) for place in range(len(ids)))
    return IndexedChunk(ordinal, span, f"text {ordinal} '; ü", vector, SparseTerms(ids, weights))


async def note_chunks(session: AsyncSession, held: HeldDocument, chunks: int) -> None:
    """Write into the document's row what the caller of the index writer has to."""
    counted = held.is_open if chunks else False
    await session.execute(
        update(Document)
        .where(Document.id == held.document_id)
        .values(chunks=chunks, words_counted=counted)
    )


class Shelf:
    """The index of one tenant, with documents to put chunks below."""

    def __init__(self, database: TestDatabase, space: EmbeddingSpaceRef, library: Library) -> None:
        self.database = database
        self.space = space
        self.library = library

    async def document(self) -> UUID:
        async with self.database.owner.begin() as owner:
            return await add_document(owner, self.library)

    async def replace(self, document: UUID, chunks: Sequence[IndexedChunk]) -> None:
        async with self.database.worker.begin(Scope(self.library.tenant)) as session:
            held = await IngestionRepository(session).hold_any(document)
            assert held is not None
            await IndexWriter(session, self.space).replace(held, chunks)
            await note_chunks(session, held, len(chunks))

    async def remove(self, document: UUID) -> None:
        async with self.database.worker.begin(Scope(self.library.tenant)) as session:
            held = await IngestionRepository(session).hold_any(document)
            assert held is not None
            await IndexWriter(session, self.space).remove(held)
            await note_chunks(session, held, 0)

    async def rows(self, statement: str) -> list[tuple[object, ...]]:
        async with self.database.owner.connect() as owner:
            return [tuple(row) for row in await owner.execute(text(statement))]

    async def counts(self) -> tuple[dict[object, object], list[tuple[object, ...]]]:
        """The kept document frequencies that are not zero, and the total."""
        terms = await self.rows("select term, chunks from lex_term where chunks <> 0")
        return {row[0]: row[1] for row in terms}, await self.rows("select chunks from lex_total")


@pytest.fixture
async def shelf(database: TestDatabase) -> Shelf:
    async with database.owner.connect() as owner:
        space = await ensure_space(owner, IDENTITY, VectorSettings())
    async with database.owner.begin() as owner:
        return Shelf(database, space, await add_library(owner, 1))


class TestReplace:
    async def test_keeps_all_of_a_chunk_under_one_id(self, shelf: Shelf) -> None:
        document = await shelf.document()
        chunks = [chunk(0, [5, 9]), chunk(1, [])]

        await shelf.replace(document, chunks)

        rows = await shelf.rows(
            "select c.document_id, c.tenant_id, v.tenant_id, version, ordinal, start_offset,"
            " end_offset, page, headings, text, space, embedding::real[], lex::text,"
            " exists (select from lex_tail t where t.tenant_id = 1 and t.chunk_id = c.id)"
            " from chunk c join chunk_vector v on v.chunk_id = c.id and v.document_id ="
            " c.document_id join chunk_lex l on l.chunk_id = c.id order by ordinal"
        )
        assert rows == [
            (
                document,
                1,
                1,
                1,
                each.ordinal,
                each.span.start,
                each.span.end,
                each.span.page,
                list(each.span.headings),
                each.text,
                shelf.space.id,
                pytest.approx(each.embedding, abs=1e-3),
                sparsevec_text(each.terms),
                True,
            )
            for each in chunks
        ]

    async def test_takes_away_what_was_there(self, shelf: Shelf) -> None:
        document, other = await shelf.document(), await shelf.document()
        await shelf.replace(document, [chunk(number) for number in range(5)])
        await shelf.replace(other, [chunk(0)])

        await shelf.replace(document, [chunk(7)])

        for table in ("chunk", "chunk_vector", "chunk_lex"):
            found = await shelf.rows(f"select document_id from {table}")
            assert len(found) == 2
            assert {row[0] for row in found} == {document, other}

    async def test_keeps_states_where_there_are_any_and_takes_them_away(self, shelf: Shelf) -> None:
        document, other = await shelf.document(), await shelf.document()
        held = "select c.ordinal, s.space, s.states from chunk_states s join chunk c"
        held += " on c.id = s.chunk_id order by c.ordinal"
        with_states = replace(chunk(1), states=b"\x00\xff")
        await shelf.replace(document, [chunk(0), with_states, replace(chunk(2), states=b"")])
        assert await shelf.rows(held) == [
            (1, shelf.space.id, b"\x00\xff"),
            (2, shelf.space.id, b""),
        ]

        await shelf.replace(document, [replace(chunk(5), states=b"\x01")])
        await shelf.replace(other, [replace(chunk(6), states=b"\x02")])
        assert [row[2] for row in await shelf.rows(held)] == [b"\x01", b"\x02"]

        await shelf.remove(document)
        assert await shelf.rows("select states from chunk_states") == [(b"\x02",)]

    async def test_takes_more_chunks_than_one_statement_does(self, shelf: Shelf) -> None:
        document = await shelf.document()

        await shelf.replace(document, [chunk(number, [number + 1]) for number in range(1100)])

        mismatched = await shelf.rows(
            "select ordinal from chunk c join chunk_lex l on l.chunk_id = c.id"
            " where l.lex::text not like '{' || ordinal + 1 || ':%'"
        )
        assert mismatched == []
        assert await shelf.rows("select count(*), max(ordinal) from chunk") == [(1100, 1099)]
        terms, total = await shelf.counts()
        assert len(terms) == 1100
        assert total == [(1100,)]

    async def test_with_nothing_empties_the_document(self, shelf: Shelf) -> None:
        document = await shelf.document()
        await shelf.replace(document, [chunk(0)])

        await shelf.replace(document, [])

        assert await shelf.rows("select id from chunk") == []
        assert await shelf.counts() == ({}, [])

    async def test_of_two_documents_at_once_waits_instead_of_failing(self, shelf: Shelf) -> None:
        documents = [await shelf.document() for _ in range(4)]
        # The same words in another order each time: who locks first differs, the order does not.
        words = [list(range(1, 60)), list(range(60, 0, -1)), [30, 1, 59, 2], [59, 30, 1]]

        async def rewrite(document: UUID, terms: Sequence[int]) -> None:
            for ordinal in range(5):
                await shelf.replace(document, [chunk(ordinal, terms)])

        async with asyncio.TaskGroup() as group:
            for document, terms in zip(documents, words, strict=True):
                group.create_task(rewrite(document, terms))

        expected = Counter(term for each in words for term in each)
        assert await shelf.counts() == (expected, [(4,)])


class TestRemove:
    async def test_leaves_nothing_of_the_document(self, shelf: Shelf) -> None:
        document, other = await shelf.document(), await shelf.document()
        await shelf.replace(document, [chunk(0, [1, 2]), chunk(1, [2, 3])])
        await shelf.replace(other, [chunk(0, [2])])

        await shelf.remove(document)

        for table in ("chunk", "chunk_vector", "chunk_lex"):
            assert await shelf.rows(f"select document_id from {table}") == [(other,)]
        assert await shelf.counts() == ({2: 1}, [(1,)])

    async def test_of_a_document_without_chunks_changes_nothing(self, shelf: Shelf) -> None:
        await shelf.remove(await shelf.document())

        assert await shelf.counts() == ({}, [])


TERMS = st.sets(st.sampled_from([1, 2, 3, 4, 40_000, MAX_TERM_ID]), max_size=5)
STEP = st.tuples(st.integers(0, 2), st.lists(TERMS, max_size=4))


class TestCounts:
    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(steps=st.lists(STEP, max_size=8))
    async def test_equal_a_recount_after_every_sequence(
        self, shelf: Shelf, steps: list[tuple[int, list[set[int]]]]
    ) -> None:
        documents = [await shelf.document() for _ in range(3)]
        held: dict[int, list[set[int]]] = {}
        for place, chunks in steps:
            if chunks:
                cut = [chunk(number, sorted(terms)) for number, terms in enumerate(chunks)]
                await shelf.replace(documents[place], cut)
            else:
                await shelf.remove(documents[place])
            held[place] = chunks
            terms, total = await shelf.counts()
            assert terms == recount(held)
            assert (total or [(0,)]) == [(sum(map(len, held.values())),)]
        for document in documents:
            await shelf.remove(document)


def recount(held: Mapping[int, list[set[int]]]) -> dict[object, object]:
    return dict(Counter(term for chunks in held.values() for terms in chunks for term in terms))


class TestHalfvecText:
    def test_tells_all_half_precision_numbers_apart(self) -> None:
        every = np.arange(2**16, dtype=np.uint16).view(np.float16)
        finite = every[np.isfinite(every)]
        written = halfvec_text(finite.astype(np.float32)).strip("[]").split(",")

        assert (np.array([float(each) for each in written], dtype=np.float16) == finite).all()
