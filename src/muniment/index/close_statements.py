"""Statements that look at candidates a second time, by their keys.

They ask for no walls: what they are given are candidates that the same transaction found behind
them, and what they give are numbers. The text of what is shown is read behind the walls once more.
"""

from sqlalchemy import BigInteger, LargeBinary, Select, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from muniment.index.models import ChunkStates, ChunkVector
from muniment.index.search_statements import distance_in, is_in
from muniment.index.spaces import EmbeddingSpaceRef


def close_looks(space: EmbeddingSpaceRef) -> Select[int, bytes, bytes | None]:
    """Select the vector of each chunk, as pgvector sends it, and the states of its words."""
    sent = func.halfvec_send(ChunkVector.embedding, type_=LargeBinary())
    return (
        select(ChunkVector.chunk_id, sent, ChunkStates.states)
        .outerjoin(
            ChunkStates,
            (ChunkStates.chunk_id == ChunkVector.chunk_id)
            & (ChunkStates.space == ChunkVector.space),
        )
        .where(_given, is_in(space))
    )


def cosines(space: EmbeddingSpaceRef) -> Select[int, float]:
    """Select the cosine of each chunk with the parameter `vector`."""
    return select(ChunkVector.chunk_id, -(distance_in(space))).where(_given, is_in(space))


_given = ChunkVector.chunk_id == any_(bindparam("chunks", type_=ARRAY(BigInteger())))
