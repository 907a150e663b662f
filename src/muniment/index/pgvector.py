"""The vector store in PostgreSQL: both arms beside the rows that decide who may see what.

It joins the document row, so the walls are those of the very moment; that is why it lives here
above the library and not among the adapters.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from typing_extensions import override

from muniment.index.close_statements import close_looks, cosines
from muniment.index.lexical import SparseTerms
from muniment.index.reach import reach_shape, reach_values, reachable
from muniment.index.repository import halfvec_text
from muniment.index.search_settings import ArmSettings
from muniment.index.search_statements import OPENING, CandidateStatements, exceeds, probe
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.index.sparsevec import sparsevec_text
from muniment.index.word_search import best_by_words
from muniment.ports.embedding import Vector
from muniment.ports.vectors import (
    Candidate,
    CandidateQuery,
    Candidates,
    Capabilities,
    CloseLook,
    Mode,
    Reach,
    VectorStore,
)
from muniment.postgres.fixed import (
    FixedStatements,
    Places,
    Rows,
    Runnable,
    Value,
    in_places,
    keyed,
)

_STATEMENTS = FixedStatements()
_HEADER_BYTES = 4


class PgVectorStore(VectorStore):
    """Searches within one transaction of the serving role, under the caller's scope.

    Few permitted chunks are compared one by one; for many, the approximate index and the packed
    postings find candidates, and only what they give is checked.
    """

    def __init__(
        self, session: AsyncSession, space: EmbeddingSpaceRef, settings: ArmSettings
    ) -> None:
        self._session = session
        self._space = space
        self._settings = settings

    @property
    @override
    def capabilities(self) -> Capabilities:
        """All modes, on live walls."""
        modes: frozenset[Mode] = frozenset(("hybrid", "lexical", "dense"))
        return Capabilities(modes, live_walls=True, close_looks=True)

    async def exact_candidates(self, query: CandidateQuery, reach: Reach) -> Candidates:
        """Give what comparing every permitted chunk gives, however long it takes: to measure by."""
        connection = await self._session.connection()
        await connection.execute(OPENING, {"effort": "100", "probes": "1"})
        statement = CandidateStatements(self._space).exact(
            query.mode, query.depth, reachable(reach)
        )
        rows = (await connection.execute(statement, _values(query))).all()
        return Candidates([Candidate(*row) for row in rows], exhaustive=True)

    @override
    async def candidates(self, query: CandidateQuery, reach: Reach) -> Candidates:
        """Give the union of each arm's best chunks, each with both of its true scores."""
        # The connection instead of the session: the statements select no entities.
        connection = await self._session.connection()
        effort = max(self._settings.effort, min(query.depth, 1000))
        probes = str(self._settings.probes)
        await connection.execute(OPENING, {"effort": str(effort), "probes": probes})
        caller = in_places(list(reach_values(reach)))
        probed = await self._probe(reach).run(connection, caller)
        if not probed:
            return Candidates((), exhaustive=True)
        values = _values(query)
        is_narrow = self._is_narrow([chunks for _, chunks in probed])
        if is_narrow:
            statement = self._narrow(query)
            values["documents"] = [document_id for document_id, _ in probed]
        else:
            statement = self._chosen(query)
            values |= caller | {"tenant": reach.tenant_id}
            if query.mode != "lexical":
                values["nearest"] = await self._nearest(connection, query, reach, values)
            if query.mode != "dense":
                values["worded"] = await best_by_words(
                    connection, reach, query.terms or {}, query.depth, values
                )
        rows = await statement.run(connection, values)
        return Candidates([Candidate(*row) for row in rows], exhaustive=is_narrow)

    @override
    async def close_looks(self, chunk_ids: Sequence[int]) -> Mapping[int, CloseLook]:
        """Give vector and states of chunks that the walls have let through in this transaction."""
        statement = _STATEMENTS.of(("close looks", self._space), lambda: close_looks(self._space))
        rows = await statement.run(await self._session.connection(), {"chunks": list(chunk_ids)})
        return {row[0]: CloseLook(_received(row[1]), row[2]) for row in rows}

    @override
    async def cosines(self, vector: Vector, chunk_ids: Sequence[int]) -> Mapping[int, float]:
        """Compare chunks that the walls have let through in this transaction."""
        statement = _STATEMENTS.of(("cosines", self._space), lambda: cosines(self._space))
        values = {"chunks": list(chunk_ids), "vector": halfvec_text(vector)}
        rows = await statement.run(await self._session.connection(), values)
        return {row[0]: row[1] for row in rows}

    async def _nearest(
        self,
        connection: AsyncConnection,
        query: CandidateQuery,
        reach: Reach,
        values: Mapping[str, Value],
    ) -> list[int]:
        """Give the nearest permitted chunks, by looking at all of them where that is cheaper.

        An index that finds too few has run dry; then, too, all are looked at.
        """
        statements = CandidateStatements(self._space)
        form = (self._space, query.depth, reach_shape(reach))
        rows: Rows = ()
        if await self._exceeds(reach).run(connection, values):
            approximate = _STATEMENTS.of(
                keyed("nearest", *form),
                lambda: statements.nearest(query.depth, reachable(reach, Places())),
            )
            rows = await approximate.run(connection, values)
        if len(rows) < query.depth:
            exact = _STATEMENTS.of(
                keyed("nearest exactly", *form),
                lambda: statements.nearest_exactly(query.depth, reachable(reach, Places())),
            )
            rows = await exact.run(connection, values)
        return [int(row[0]) for row in rows]

    def _exceeds(self, reach: Reach) -> Runnable:
        most = self._settings.exact_vectors
        return _STATEMENTS.of(
            keyed("exceeds", most, reach_shape(reach)),
            lambda: exceeds(most, reachable(reach, Places())),
        )

    def _probe(self, reach: Reach) -> Runnable:
        limit = self._settings.exact_documents + 1
        return _STATEMENTS.of(
            keyed("probe", limit, reach_shape(reach)),
            lambda: probe(reachable(reach, Places()), limit),
        )

    def _narrow(self, query: CandidateQuery) -> Runnable:
        statements = CandidateStatements(self._space)
        return _STATEMENTS.of(
            ("narrow", self._space, query.mode, query.depth),
            lambda: statements.narrow(query.mode, query.depth),
        )

    def _chosen(self, query: CandidateQuery) -> Runnable:
        statements = CandidateStatements(self._space)
        return _STATEMENTS.of(
            ("chosen", self._space, query.mode), lambda: statements.chosen(query.mode)
        )

    def _is_narrow(self, chunks: Sequence[int]) -> bool:
        """Tell whether comparing every chunk of these documents is cheap."""
        return (
            len(chunks) <= self._settings.exact_documents
            and sum(chunks) <= self._settings.exact_chunks
        )


def _received(sent: bytes) -> Vector:
    """Read a vector as pgvector sends it: two numbers of two bytes, then half-precision floats."""
    return np.frombuffer(sent, ">f2", offset=_HEADER_BYTES).astype(np.float32)


def _values(query: CandidateQuery) -> dict[str, Value]:
    """Write vector and terms as pgvector reads them; an arm that does not run binds nothing."""
    values: dict[str, Value] = {}
    if query.mode != "lexical":
        if query.vector is None:
            raise ValueError("a search by meaning needs a vector")
        values["vector"] = halfvec_text(query.vector)
    if query.mode != "dense":
        ordered = sorted((query.terms or {}).items())
        ids, weights = tuple(term for term, _ in ordered), tuple(weight for _, weight in ordered)
        values["terms"] = sparsevec_text(SparseTerms(ids, weights))
    return values
