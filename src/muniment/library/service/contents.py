"""Downloads of originals: authorised in a short transaction, streamed without one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.byte_ranges import WHOLE, ByteRange, WantedPart
from muniment.kit.clock import Clock
from muniment.library.errors import OriginalGoneError
from muniment.library.models import DocumentVersion
from muniment.library.service.documents import DocumentService
from muniment.library.service.rule_check import RuleCheck
from muniment.ports.originals import OriginalMissingError, Originals
from muniment.postgres.unit_of_work import Scope, Transactions

_UNUSED = RuleCheck.by(IdentitySettings())
"""Nothing is given a rule here."""


@dataclass(frozen=True, slots=True)
class OriginalContent:
    """The bytes of a version, about to be streamed."""

    name: str
    media_type: str
    size: int
    """Of the whole original, whatever part of it is given."""
    etag: str
    """Made of the bytes: whoever has the first half of them may go on with the second."""
    part: ByteRange | None
    """Which bytes are given; None for all of them."""
    chunks: AsyncIterator[bytes]


class ContentService:
    """Gives originals to those who may read the document; one for the whole process."""

    def __init__(self, transactions: Transactions, originals: Originals, clock: Clock) -> None:
        self._transactions = transactions
        self._originals = originals
        self._clock = clock

    async def open(
        self,
        principal: Principal,
        document_id: UUID,
        number: int | None,
        wanted: WantedPart = WHOLE,
    ) -> OriginalContent:
        """Open the original of a version, or a part of it.

        Raises OriginalGoneError and, from those who may read it, RangeNotSatisfiableError.
        """
        name, version = await self._find(principal, document_id, number)
        part = wanted.of(version.size, _etag(version))
        chunks = await self._begin(version, part or ByteRange(0, version.size))
        return _content(name, version, part, chunks)

    async def describe(
        self, principal: Principal, document_id: UUID, number: int | None
    ) -> OriginalContent:
        """Say what `open` would give, without the bytes. Raises OriginalGoneError."""
        name, version = await self._find(principal, document_id, number)
        nothing = await self._begin(version, ByteRange(0, 0))
        return _content(name, version, None, nothing)

    async def _find(
        self, principal: Principal, document_id: UUID, number: int | None
    ) -> tuple[str, DocumentVersion]:
        async with self._transactions.begin(Scope(principal.tenant_id, principal.names)) as session:
            documents = DocumentService(session, _UNUSED, self._clock)
            document, version = await documents.read_version(principal, document_id, number)
        return document.name, version

    async def _begin(self, version: DocumentVersion, part: ByteRange) -> AsyncIterator[bytes]:
        """Read the first bytes before the answer starts: a missing file is no broken stream."""
        chunks = aiter(self._originals.read(version.original_key, part.start, part.end))
        try:
            first = await anext(chunks, b"")
        except OriginalMissingError:
            raise OriginalGoneError from None
        return _resumed(first, chunks)


def _etag(version: DocumentVersion) -> str:
    return f'"{version.sha256.hex()}"'


def _content(
    name: str, version: DocumentVersion, part: ByteRange | None, chunks: AsyncIterator[bytes]
) -> OriginalContent:
    return OriginalContent(
        name=name,
        media_type=version.media_type,
        size=version.size,
        etag=_etag(version),
        part=part,
        chunks=chunks,
    )


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
