import math
import struct
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.index.postings import (
    FULL,
    Block,
    LastSegment,
    Postings,
    Scored,
    cleaned,
    packed,
    scored,
)

Chunks = Mapping[int, Mapping[int, float]]
"""The weights of terms, by chunk."""

WEIGHTS = st.floats(0.0625, 2.125, width=32)
CHUNKS = st.dictionaries(
    st.integers(1, 2**40),
    st.dictionaries(st.integers(1, 12), WEIGHTS, max_size=6),
    max_size=40,
)
QUERIES = st.dictionaries(st.integers(1, 12), st.floats(0.1, 9.0), min_size=1, max_size=5)


def sparse(terms: Mapping[int, float]) -> bytes:
    """Write a sparsevec as PostgreSQL sends it."""
    places = sorted(terms)
    head = struct.pack(">iii", 1_000_000_000, len(places), 0)
    ids = struct.pack(f">{len(places)}i", *[place - 1 for place in places])
    return head + ids + struct.pack(f">{len(places)}f", *[terms[place] for place in places])


def fold(
    chunks: Chunks, held: Mapping[tuple[int, int], Block] | None = None, full: int = FULL
) -> dict[tuple[int, int], Block]:
    """Do with blocks what the statement of the fold does with rows."""
    merged = dict(held or {})
    last: dict[int, LastSegment] = {}
    for (term, segment), block in sorted(merged.items()):
        last[term] = LastSegment(segment, block.first, block.count)
    rows = [(chunk_id, sparse(terms)) for chunk_id, terms in sorted(chunks.items())]
    for block in Postings.of(rows).blocks(last, full):
        key = (block.term, block.segment)
        before = merged.get(key)
        if before is None:
            merged[key] = block
            continue
        assert before.first == block.first
        merged[key] = Block(
            *key,
            block.first,
            before.count + block.count,
            before.chunks + block.chunks,
            before.impacts + block.impacts,
        )
    return merged


def score(blocks: Mapping[tuple[int, int], Block], query: Mapping[int, float]) -> Scored:
    rows = [
        (block.term, block.first, block.chunks, block.impacts)
        for block in blocks.values()
        if block.term in query
    ]
    return scored(rows, query)


def exact(chunks: Chunks, query: Mapping[int, float]) -> dict[int, float]:
    found = {
        chunk_id: math.fsum(terms[term] * weight for term, weight in query.items() if term in terms)
        for chunk_id, terms in chunks.items()
    }
    return {chunk_id: value for chunk_id, value in found.items() if value}


class TestPostings:
    @given(CHUNKS, CHUNKS, st.integers(1, 7))
    def test_hold_every_term_of_every_chunk_once_however_they_are_folded(
        self, first: Chunks, later: Chunks, full: int
    ) -> None:
        later = {chunk_id: terms for chunk_id, terms in later.items() if chunk_id not in first}
        blocks = fold(later, fold(first, full=full), full)
        held = [(block.term, int(place)) for block in blocks.values() for place in block.ids]
        both = {**first, **later}
        assert sorted(held) == sorted(
            (term, chunk_id) for chunk_id, terms in both.items() for term in terms
        )
        assert all(block.count == len(block.ids) <= full for block in blocks.values())

    def test_fill_a_segment_before_the_next_one_begins(self) -> None:
        blocks = fold({number: {7: 1.0} for number in range(1, 6)}, full=4)
        blocks = fold({number: {7: 1.0} for number in range(6, 13)}, blocks, full=4)
        assert [(key, block.count) for key, block in blocks.items()] == [
            ((7, 0), 4),
            ((7, 1), 4),
            ((7, 2), 4),
        ]

    def test_of_chunks_far_apart_stand_in_segments_of_their_own(self) -> None:
        blocks = fold({1: {7: 1.0}, 2**31: {7: 1.0}, 2**31 + 1: {7: 1.0}, 2**40: {7: 1.0}})
        assert [block.ids.tolist() for block in blocks.values()] == [
            [1, 2**31],
            [2**31 + 1],
            [2**40],
        ]

    def test_of_a_chunk_that_was_committed_late_are_added_all_the_same(self) -> None:
        blocks = fold({3: {7: 1.0}}, fold({10: {7: 1.0}}))
        assert blocks[7, 0].ids.tolist() == [10, 3]

    def test_of_nothing_are_none(self) -> None:
        assert fold({}) == {}
        assert fold({1: {}}) == {}


class TestScored:
    @given(CHUNKS, QUERIES)
    def test_is_near_the_true_score_of_every_chunk_with_a_word(
        self, chunks: Chunks, query: Mapping[int, float]
    ) -> None:
        found = score(fold(chunks, full=3), query)
        true = exact(chunks, query)
        assert found.ids.tolist() == sorted(true)
        unit = 65535 / (255 * max(query.values())) * 255 / 2.2
        step = sum(query.values()) * 2.2 / 255 + len(query) / unit
        for chunk_id, value in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
            assert value / unit == pytest.approx(true[chunk_id], abs=step)

    @given(CHUNKS, QUERIES, st.integers(1, 10))
    def test_best_are_as_good_as_any_other(
        self, chunks: Chunks, query: Mapping[int, float], count: int
    ) -> None:
        found = score(fold(chunks), query)
        best = found.best(count)
        scores = dict(zip(found.ids.tolist(), found.scores.tolist(), strict=True))
        expected = sorted(scores.values(), reverse=True)[:count]
        assert sorted((scores[chunk_id] for chunk_id in best), reverse=True) == expected

    def test_among_leaves_only_what_is_permitted(self) -> None:
        found = score(fold({number: {7: 1.0} for number in range(1, 9)}), {7: 1.0})
        among = found.among(np.array([8, 2, 99], dtype=np.int64))
        assert among.ids.tolist() == [2, 8]

    def test_of_nothing_finds_nothing(self) -> None:
        assert scored([], {}).best(5) == []


class TestCleaned:
    def test_says_nothing_where_all_are_alive(self) -> None:
        blocks = list(fold({1: {7: 1.0}, 2: {7: 1.0}}).values())
        assert cleaned(blocks, np.array([1, 2], dtype=np.int64)) is None

    def test_drops_what_is_gone_and_closes_the_ranks(self) -> None:
        blocks = list(fold({n: {7: n / 10} for n in range(1, 11)}, full=3).values())
        kept = cleaned(blocks, np.arange(2, 11, 2, dtype=np.int64))
        assert kept is not None
        [block] = kept
        assert (block.segment, block.ids.tolist()) == (0, [2, 4, 6, 8, 10])
        before = {
            chunk_id: impact
            for old in blocks
            for chunk_id, impact in zip(old.ids.tolist(), old.impacts, strict=True)
        }
        assert list(block.impacts) == [before[chunk_id] for chunk_id in (2, 4, 6, 8, 10)]

    def test_leaves_no_block_where_nothing_is_alive(self) -> None:
        blocks = list(fold({1: {7: 1.0}}).values())
        assert cleaned(blocks, np.array([], dtype=np.int64)) == []


class TestPacked:
    @pytest.mark.parametrize("ids", [[5], [5, 2**31 + 4], [2**50, 2**50 - 9]])
    def test_gives_its_ids_back(self, ids: Sequence[int]) -> None:
        numbers = np.array(ids, dtype=np.int64)
        block = packed(1, 0, ids[0], numbers, np.ones(len(ids), np.uint8))
        assert block.ids.tolist() == list(ids)
