"""Downloads of originals: authorised in a short transaction, streamed without one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from muniment.identity.principal import Principal
from muniment.kit.clock import Clock
from muniment.library.errors import OriginalGoneError
from muniment.library.service.documents import DocumentService
from muniment.ports.originals import OriginalMissingError, Originals
from muniment.postgres.unit_of_work import Scope, Transactions


@dataclass(frozen=True, slots=True)
class OriginalContent:
    """The bytes of a version, about to be streamed."""

    name: str
    media_type: str
    size: int
    chunks: AsyncIterator[bytes]


class ContentService:
    """Gives originals to those who may read the document; one for the whole process."""

    def __init__(self, transactions: Transactions, originals: Originals, clock: Clock) -> None:
        self._transactions = transactions
        self._originals = originals
        self._clock = clock

    async def open(
        self, principal: Principal, document_id: UUID, number: int | None
    ) -> OriginalContent:
        """Open the original of a version. Raises OriginalGoneError."""
        async with self._transactions.begin(Scope(principal.tenant_id, principal.names)) as session:
            documents = DocumentService(session, {}, self._clock)
            document, version = await documents.read_version(principal, document_id, number)
        chunks = aiter(self._originals.read(version.original_key))
        try:
            # Before the answer starts, so that a missing file is an error and not a broken stream.
            first = await anext(chunks, b"")
        except OriginalMissingError:
            raise OriginalGoneError from None
        return OriginalContent(
            document.name, version.media_type, version.size, _resumed(first, chunks)
        )


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
