from contextlib import suppress
from datetime import timedelta

from sqlalchemy import text

from muniment.index.folding import (
    begin_cleaning,
    clean_terms,
    find_folded,
    find_long_tails,
    fold_tail,
    hold_postings,
    needs_cleaning,
)
from muniment.index.postings import FULL, Block
from muniment.postgres.unit_of_work import Scope
from tests.support.chunks import add_chunks, remove_chunks
from tests.support.shelf import Shelf

LONG = timedelta(days=7)


async def held(shelf: Shelf) -> dict[int, list[int]]:
    """Give the chunks that the postings hold, by term."""
    async with shelf.database.owner.connect() as owner:
        rows = await owner.execute(
            text(
                "select term, segment, first_chunk, postings, chunks, impacts from lex_block"
                " where tenant_id = :tenant order by term, segment"
            ),
            {"tenant": shelf.tenant_id},
        )
        found: dict[int, list[int]] = {}
        for row in rows:
            found.setdefault(row.term, []).extend(Block(*row).ids.tolist())
        return found


async def tail(shelf: Shelf) -> list[int]:
    async with shelf.database.owner.connect() as owner:
        found = await owner.scalars(text("select chunk_id from lex_tail order by chunk_id"))
        return list(found)


async def noted(shelf: Shelf) -> int | None:
    async with shelf.database.owner.connect() as owner:
        count: int | None = await owner.scalar(text("select chunks from lex_fold"))
        return count


async def clean(shelf: Shelf) -> None:
    """Pass through all postings, as the jobs do one after another."""
    after: int | None = -1
    while after is not None:
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
            assert await hold_postings(session, shelf.tenant_id)
            if after < 0:
                await begin_cleaning(session, shelf.tenant_id)
            after = await clean_terms(session, shelf.tenant_id, after)


async def is_due(shelf: Shelf, share: float = 0.2, patience: timedelta = LONG) -> bool:
    async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
        return await needs_cleaning(session, shelf.tenant_id, share, patience)


class TestFoldTail:
    async def test_moves_the_oldest_chunks_into_the_postings(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        a, b, c = await add_chunks(shelf, collection, [{1: 0.5, 2: 1.0}, {2: 1.5}, {2: 2.0}])

        assert await shelf.fold(2) == 2

        assert await held(shelf) == {1: [a], 2: [a, b]}
        assert await tail(shelf) == [c]
        assert await noted(shelf) == 2

    async def test_adds_to_what_is_there(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        chunks = await add_chunks(shelf, collection, [{1: 0.5}] * 5)
        while await shelf.fold(2):
            pass
        assert await held(shelf) == {1: chunks}
        assert await noted(shelf) == 5

    async def test_says_whether_more_waits(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        await add_chunks(shelf, collection, [{1: 0.5}] * 3)
        told = []
        for _ in range(2):
            async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
                told.append((await fold_tail(session, shelf.tenant_id, 2)).is_more_left)
        assert told == [True, False]

    async def test_begins_a_segment_when_one_is_full(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        chunks = await add_chunks(shelf, collection, [{1: 0.5}] * (FULL + 10), each=50)
        await shelf.fold(FULL - 1)
        await shelf.fold(FULL)
        assert await held(shelf) == {1: chunks}
        async with shelf.database.owner.connect() as owner:
            counts = await owner.scalars(text("select postings from lex_block order by segment"))
            assert list(counts) == [FULL, 10]

    async def test_strikes_out_what_is_gone_and_holds_nothing_of_it(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        a, b = await add_chunks(shelf, collection, [{1: 0.5}, {1: 0.5}])
        await remove_chunks(shelf, [a])
        assert await shelf.fold() == 1
        assert await held(shelf) == {1: [b]}
        assert await tail(shelf) == []

    async def test_that_is_cut_off_leaves_everything_as_it_was(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        chunks = await add_chunks(shelf, collection, [{1: 0.5}] * 4)
        await shelf.fold(1)
        with suppress(ZeroDivisionError):
            async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
                assert (await fold_tail(session, shelf.tenant_id, 2)).chunks == 2
                raise ZeroDivisionError
        assert await held(shelf) == {1: chunks[:1]}
        assert await tail(shelf) == chunks[1:]

    async def test_runs_beside_writers_and_leaves_them_their_chunks(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        first = await add_chunks(shelf, collection, [{1: 0.5}] * 2)
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
            await fold_tail(session, shelf.tenant_id, 10)
            late = await add_chunks(shelf, collection, [{1: 0.5}])
            await remove_chunks(shelf, first[:1])
        assert await held(shelf) == {1: first}
        assert await tail(shelf) == late

    async def test_of_one_tenant_touches_no_other(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        chunks = await add_chunks(shelf, collection, [{1: 0.5}])
        async with shelf.database.worker.begin(Scope(shelf.tenant_id + 1)) as session:
            assert (await fold_tail(session, shelf.tenant_id + 1, 10)).chunks == 0
        assert await tail(shelf) == chunks


class TestHoldPostings:
    async def test_is_refused_while_another_has_them(self, shelf: Shelf) -> None:
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as one:
            assert await hold_postings(one, shelf.tenant_id)
            async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as two:
                assert not await hold_postings(two, shelf.tenant_id)
                assert await hold_postings(two, shelf.tenant_id + 1)
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as three:
            assert await hold_postings(three, shelf.tenant_id)


class TestCleaning:
    async def test_drops_what_is_gone_and_leaves_the_rest(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        chunks = await add_chunks(shelf, collection, [{n % 7 + 1: 0.5, 9: 1.0} for n in range(70)])
        await shelf.fold()
        await remove_chunks(shelf, [*chunks[:10], *[c for n, c in enumerate(chunks) if n % 7 == 3]])
        assert await is_due(shelf)

        await clean(shelf)

        alive = [(n, c) for n, c in enumerate(chunks) if n >= 10 and n % 7 != 3]
        found = await held(shelf)
        assert found.pop(9) == [c for _, c in alive]
        assert found == {t + 1: [c for n, c in alive if n % 7 == t] for t in range(7) if t != 3}
        assert await noted(shelf) == len(alive)
        assert not await is_due(shelf, share=0.0, patience=timedelta(0))

    async def test_writes_nothing_of_terms_that_lost_nothing(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        chunks = await add_chunks(shelf, collection, [{1: 0.5}, {2: 0.5}])
        await shelf.fold()
        await remove_chunks(shelf, chunks[1:])
        before = await row_versions(shelf)
        await clean(shelf)
        assert await row_versions(shelf) == {1: before[1]}

    async def test_keeps_what_was_folded_between_two_parts(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        await add_chunks(shelf, collection, [{1: 0.5, 2: 0.5}])
        await shelf.fold()
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
            await begin_cleaning(session, shelf.tenant_id)
        await add_chunks(shelf, collection, [{1: 0.5, 2: 0.5}])
        await shelf.fold()
        before = await held(shelf)
        async with shelf.database.worker.begin(Scope(shelf.tenant_id)) as session:
            assert await clean_terms(session, shelf.tenant_id, 1) == 2
            assert await clean_terms(session, shelf.tenant_id, 2) is None
        assert await held(shelf) == before

    async def test_is_due_when_much_is_gone_or_little_for_long(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        chunks = await add_chunks(shelf, collection, [{1: 0.5}] * 10)
        assert not await is_due(shelf)
        await shelf.fold()
        assert not await is_due(shelf, patience=timedelta(0))
        await remove_chunks(shelf, chunks[:2])
        assert not await is_due(shelf)
        assert await is_due(shelf, patience=timedelta(0))
        await remove_chunks(shelf, chunks[2:3])
        assert await is_due(shelf)


async def row_versions(shelf: Shelf) -> dict[int, int]:
    async with shelf.database.owner.connect() as owner:
        rows = await owner.execute(
            text("select term, xmin::text::bigint as version from lex_block")
        )
        return {row.term: row.version for row in rows}


class TestFinders:
    async def test_name_tenants_with_long_tails_and_with_postings(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({})
        await add_chunks(shelf, collection, [{1: 0.5}] * 3)
        async with shelf.database.worker.begin(None) as session:
            assert await find_long_tails(session, 3) == [shelf.tenant_id]
            assert await find_long_tails(session, 4) == []
            assert await find_folded(session) == []
        await shelf.fold()
        async with shelf.database.worker.begin(None) as session:
            assert await find_long_tails(session, 1) == []
            assert await find_folded(session) == [shelf.tenant_id]
