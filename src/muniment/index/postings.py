"""Packed postings: for each term the chunks that hold it, and how much each of them is about it.

They only find candidates. One byte of impact is enough for that, because every candidate gets its
true score from its sparse vector afterwards. Chunk ids stand as four bytes, counted from the first
of their segment, so that the ids of the table may outgrow four bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from muniment.index.lexical import K1

FULL = 8192
"""Postings of a segment: adding to a term writes its last segment anew, so they must not grow."""

Ids = NDArray[np.int64]

_FARTHEST = 2**31 - 1
_HEAVIEST = K1 + 1.0
"""What no weight of a term in a chunk reaches."""
_MOST_IMPACT = 255
_SCORE_BITS = 16
_SCORE_MASK = (1 << _SCORE_BITS) - 1
_SPARSE_HEADER = 12

_Number = TypeVar("_Number", np.int32, np.float32)


@dataclass(frozen=True, slots=True)
class Block:
    """One segment of the postings of a term, as its row has it."""

    term: int
    segment: int
    first: int
    count: int
    chunks: bytes
    impacts: bytes

    @property
    def ids(self) -> Ids:
        """The chunk ids themselves."""
        return self.first + np.frombuffer(self.chunks, "<i4").astype(np.int64)


@dataclass(frozen=True, slots=True)
class LastSegment:
    """The segment of a term that is added to."""

    segment: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Postings:
    """The terms of some chunks, ordered by term and within a term by chunk."""

    terms: NDArray[np.int32]
    """Each term once, in rising order."""
    starts: NDArray[np.intp]
    """Where the postings of each begin; one more at the end."""
    ids: Ids
    impacts: NDArray[np.uint8]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, bytes]]) -> "Postings":
        """Turn chunks around: given with their sparse vectors, by rising ids."""
        vectors = [_unpack(sparse) for _, sparse in rows]
        terms = _joined(np.int32, [ids for ids, _ in vectors])
        weights = _joined(np.float32, [weights for _, weights in vectors])
        chunk_ids = np.array([chunk_id for chunk_id, _ in rows], dtype=np.int64)
        ids = np.repeat(chunk_ids, [len(ids) for ids, _ in vectors])
        order = np.argsort(terms, kind="stable")
        terms = terms[order]
        starts = _starts(terms)
        bounds = np.append(starts, len(terms))
        return cls(terms[starts], bounds, ids[order], _impacts(weights[order]))

    def blocks(self, last: Mapping[int, LastSegment], full: int = FULL) -> Iterator[Block]:
        """Cut them into segments: what fits is added to the last one, the rest begins new ones.

        A block with the number of a segment that is there is to be appended to it.
        """
        bounds = self.starts.tolist()
        for term, (start, end) in zip(self.terms.tolist(), pairwise(bounds), strict=True):
            yield from self._segments(term, (start, end), last.get(term), full)

    def _segments(
        self, term: int, span: tuple[int, int], last: LastSegment | None, full: int
    ) -> Iterator[Block]:
        (start, end), segment = span, 0
        if last is not None:
            taken = _within(self.ids[start:end], last.first, full - last.count)
            if taken:
                yield self._block(term, last.segment, last.first, start, start + taken)
            start, segment = start + taken, last.segment + 1
        while start < end:
            first = int(self.ids[start])
            taken = _within(self.ids[start:end], first, full)
            yield self._block(term, segment, first, start, start + taken)
            start, segment = start + taken, segment + 1

    def _block(self, term: int, segment: int, first: int, start: int, end: int) -> Block:
        return packed(term, segment, first, self.ids[start:end], self.impacts[start:end])


def packed(term: int, segment: int, first: int, ids: Ids, impacts: NDArray[np.uint8]) -> Block:
    """Write postings as a row has them."""
    offsets = (ids - first).astype("<i4")
    return Block(term, segment, first, len(ids), offsets.tobytes(), impacts.tobytes())


def cleaned(blocks: Sequence[Block], alive: Ids) -> list[Block] | None:
    """Drop from all segments of a term what is not alive; None where nothing is to be dropped."""
    ids = np.concatenate([block.ids for block in blocks])
    kept = np.isin(ids, alive)
    if kept.all():
        return None
    impacts = np.concatenate([np.frombuffer(block.impacts, np.uint8) for block in blocks])
    order = np.argsort(ids[kept], kind="stable")
    ids, impacts = ids[kept][order], impacts[kept][order]
    terms = np.array([blocks[0].term] if len(ids) else [], dtype=np.int32)
    bounds = np.array([0, len(ids)] if len(ids) else [0], dtype=np.intp)
    return list(Postings(terms, bounds, ids, impacts).blocks({}))


@dataclass(frozen=True, slots=True)
class Scored:
    """Chunks that hold some of the terms, each with about its score."""

    ids: Ids
    """In rising order."""
    scores: NDArray[np.int64]

    def best(self, count: int) -> list[int]:
        """Give so many ids, those with the highest scores."""
        if len(self.ids) <= count:
            chosen = self.ids
        else:
            chosen = self.ids[np.argpartition(-self.scores, count - 1)[:count]]
        best: list[int] = chosen.tolist()
        return best

    def among(self, permitted: Ids) -> "Scored":
        """Leave only these chunks."""
        kept = np.isin(self.ids, permitted)
        return Scored(self.ids[kept], self.scores[kept])


PostingsRow: TypeAlias = tuple[int, int, bytes, bytes]
"""Term, first id, chunks and impacts of a block: what a search reads of it."""


def scored(postings: Sequence[PostingsRow], weights: Mapping[int, float]) -> Scored:
    """Add up what the terms contribute to each chunk.

    Chunk and contribution stand in one number and are sorted together: on 20,000 postings that
    takes less than half of what adding into a wide array does, and no memory is kept.
    """
    keys = np.empty(sum(len(impacts) for *_, impacts in postings), dtype=np.int64)
    scale = _SCORE_MASK / (_MOST_IMPACT * max(weights.values(), default=1.0))
    place = 0
    for term, first, chunks, impacts in postings:
        part = keys[place : place + len(impacts)]
        np.add(np.frombuffer(chunks, "<i4"), first, out=part, dtype=np.int64)
        part <<= _SCORE_BITS
        each = np.frombuffer(impacts, np.uint8) * np.float32(weights[term] * scale)
        part |= each.astype(np.int64)
        place += len(impacts)
    keys.sort()
    ids = keys >> _SCORE_BITS
    starts = _starts(ids)
    keys &= _SCORE_MASK
    if not len(keys):
        return Scored(ids, keys)
    return Scored(ids[starts], np.add.reduceat(keys, starts))


def _unpack(sparse: bytes) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Read a sparsevec as the database sends it; there positions are counted from zero."""
    count = int.from_bytes(sparse[4:8])
    positions = np.frombuffer(sparse, ">i4", count, _SPARSE_HEADER)
    weights = np.frombuffer(sparse, ">f4", count, _SPARSE_HEADER + 4 * count)
    return (positions + 1).astype(np.int32), weights.astype(np.float32)


def _joined(kind: type[_Number], parts: Sequence[NDArray[_Number]]) -> NDArray[_Number]:
    return np.concatenate([np.empty(0, dtype=kind), *parts])


def _starts(ordered: NDArray[np.generic]) -> NDArray[np.intp]:
    """Tell where each value of an ordered array begins."""
    if not len(ordered):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))


def _impacts(weights: NDArray[np.float32]) -> NDArray[np.uint8]:
    scaled: NDArray[np.float32] = np.rint(weights * np.float32(_MOST_IMPACT / _HEAVIEST))
    return scaled.clip(1, _MOST_IMPACT).astype(np.uint8)


def _within(ids: Ids, first: int, room: int) -> int:
    """Tell how many of these ids a segment takes: it has room, and ids lie only so far apart."""
    if len(ids) and int(ids[0]) < first - _FARTHEST:
        return 0
    return min(max(room, 0), int(np.searchsorted(ids, first + _FARTHEST, side="right")))
