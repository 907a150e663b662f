"""The vector store in PostgreSQL: both arms beside the rows that decide who may see what.

It joins the document row, so the walls are those of the very moment; that is why it lives here
above the library and not among the adapters.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from muniment.index.lexical import SparseTerms
from muniment.index.reach import reachable
from muniment.index.repository import halfvec_text
from muniment.index.search_settings import ArmSettings
from muniment.index.search_statements import OPENING, CandidateStatements, narrow, probe
from muniment.index.spaces import EmbeddingSpaceRef
from muniment.index.sparsevec import sparsevec_text
from muniment.ports.vectors import (
    Candidate,
    CandidateQuery,
    Candidates,
    Capabilities,
    Reach,
    VectorStore,
)


class PgVectorStore(VectorStore):
    """Searches within one transaction of the serving role, under the caller's scope.

    Few permitted chunks are compared one by one; many go through the approximate index, and only
    what it gives is checked.
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
        return Capabilities(modes=frozenset(("hybrid", "lexical", "dense")), live_walls=True)

    @override
    async def candidates(self, query: CandidateQuery, reach: Reach) -> Candidates:
        """Give the union of each arm's best chunks, each with both of its true scores."""
        # The connection instead of the session: the statements select no entities.
        connection = await self._session.connection()
        effort = max(self._settings.effort, min(query.depth, 1000))
        await connection.execute(OPENING, {"effort": str(effort)})
        permitted = reachable(reach)
        limit = self._settings.exact_documents
        probed = (await connection.execute(probe(permitted, limit + 1))).all()
        if not probed:
            return Candidates((), exhaustive=True)
        values = _values(query)
        is_narrow = self._is_narrow([chunks for _, chunks in probed])
        if is_narrow:
            statement = narrow(self._space, query.mode, query.depth)
            values["documents"] = [document_id for document_id, _ in probed]
        else:
            statement = CandidateStatements(self._space).wide(
                query.mode, query.depth, reach.tenant_id, permitted
            )
        rows = await connection.execute(statement, values)
        return Candidates([Candidate(*row) for row in rows], exhaustive=is_narrow)

    def _is_narrow(self, chunks: Sequence[int]) -> bool:
        """Tell whether comparing every chunk of these documents is cheap."""
        return (
            len(chunks) <= self._settings.exact_documents
            and sum(chunks) <= self._settings.exact_chunks
        )


def _values(query: CandidateQuery) -> dict[str, str | list[UUID]]:
    """Write vector and terms as pgvector reads them; an arm that does not run binds nothing."""
    values: dict[str, str | list[UUID]] = {}
    if query.mode != "lexical":
        if query.vector is None:
            raise ValueError("a search by meaning needs a vector")
        values["vector"] = halfvec_text(query.vector)
    if query.mode != "dense":
        ordered = sorted((query.terms or {}).items())
        ids, weights = tuple(term for term, _ in ordered), tuple(weight for _, weight in ordered)
        values["terms"] = sparsevec_text(SparseTerms(ids, weights))
    return values
