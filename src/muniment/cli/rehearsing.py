"""The dry run of `add`: what would become of each file, without storing or deleting anything."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from muniment.cli.collections import find_held, session_of
from muniment.cli.files import FoundFile, FoundFiles, find_files
from muniment.cli.mirroring import Mirror, compare, hash_of
from muniment.cli.product import Product
from muniment.cli.pruning import editable_documents
from muniment.cli.terminal import console_of_messages, console_of_results, line, print_json
from muniment.ingestion.parsing.pool import ParserPool
from muniment.library.access_rules import AccessRule
from muniment.library.models import Document
from muniment.library.repository.documents import DocumentRepository
from muniment.library.service.access import stored_rule

Change = Literal["new", "changed", "updated", "unchanged", "renamed", "removed", "refused"]


class Foreseen(BaseModel):
    """What would become of one file or document."""

    name: str = Field(description="What the document is or would be called.")
    change: Change = Field(description="What would happen to it.")
    was: str | None = Field(default=None, description="What a renamed one is called so far.")
    document_id: UUID | None = Field(default=None, description="The document that is there.")
    reason: str | None = Field(default=None, description="Why a refused one is refused.")


@dataclass(frozen=True, slots=True)
class Wish:
    """What `add` was asked to do."""

    paths: Sequence[Path]
    collection: str
    rule: AccessRule | None
    prunes: bool
    believes: bool


async def rehearse(product: Product, wish: Wish) -> list[Foreseen]:
    """Find what `add` would do. Raises FolderEmptyError and TooMuchGoneError, as `add` would."""
    parsers = ParserPool(product.settings.parsing)
    try:
        offer = await parsers.offer()
    finally:
        await parsers.close()
    found = await asyncio.to_thread(find_files, wish.paths, offer.media_types)
    refused = [Foreseen(name=name, change="refused", reason=why) for name, why in found.refused]
    collection_id = await find_held(product, wish.collection)
    if collection_id is None:
        mirror = Mirror([], [], [])
    else:
        mirror = await _compare(product, collection_id, found, wish)
    async with session_of(product) as session:
        hashes = await DocumentRepository(session).newest_hashes(mirror.documents)
    limit = int(product.settings.uploads.max_bytes)
    seer = _Seer(mirror, hashes, wish.rule, limit)
    foreseen = await asyncio.to_thread(lambda: [seer.foresee(file) for file in found.readable])
    removed = [
        Foreseen(name=one.document.name, change="removed", document_id=one.document.id)
        for one in mirror.gone
    ]
    return sorted([*refused, *foreseen, *removed], key=lambda one: one.name)


def tell_foreseen(foreseen: Sequence[Foreseen], *, as_json: bool) -> None:
    """Print a line for each, and the sum on stderr; or a list for a program."""
    if as_json:
        print_json(*foreseen, as_list=True)
        return
    console = console_of_results()
    for one in foreseen:
        more = f" (was {one.was})" if one.was else f", {one.reason}" if one.reason else ""
        console.print(line(f"{one.change}: {one.name}{more}"), soft_wrap=True)
    counts = Counter(one.change for one in foreseen)
    told = ", ".join(f"{count} {change}" for change, count in sorted(counts.items()))
    console_of_messages().print(
        f"A dry run, nothing was changed: {told or 'no document was found'}.", soft_wrap=True
    )


async def _compare(product: Product, collection_id: UUID, found: FoundFiles, wish: Wish) -> Mirror:
    if wish.prunes:
        return await compare(product, collection_id, found, believe=wish.believes)
    return Mirror(await editable_documents(product, collection_id), [], [])


class _Seer:
    """Decides file by file, as the registration of an upload does."""

    def __init__(
        self, mirror: Mirror, hashes: dict[UUID, bytes], rule: AccessRule | None, limit: int
    ) -> None:
        # The oldest of several documents with one address is the one that uploads find.
        self._by_uri = {document.uri: document for document in reversed(_by_age(mirror))}
        self._moved = {move.file.uri: move.document for move in mirror.moves}
        self._hashes = hashes
        self._rule = None if rule is None else stored_rule(rule)
        self._limit = limit

    def foresee(self, file: FoundFile) -> Foreseen:
        """Say what would become of a file. Blocks on the disk."""
        digest = hash_of(file)
        reason = "it cannot be read" if digest is None else _fault(file, self._limit)
        if reason is not None:
            return Foreseen(name=file.name, change="refused", reason=reason)
        moved = self._moved.get(file.uri)
        document = moved or self._by_uri.get(file.uri)
        if document is None:
            return Foreseen(name=file.name, change="new")
        change: Change = "unchanged"
        if not self._is_same(document, file, digest):
            change = "changed"
        elif moved is not None:
            change = "renamed"
        elif document.name != file.name or self._is_ruled_anew(document):
            change = "updated"
        return Foreseen(
            name=file.name,
            change=change,
            was=None if moved is None else moved.name,
            document_id=document.id,
        )

    def _is_ruled_anew(self, document: Document) -> bool:
        return self._rule is not None and self._rule != document.rule

    def _is_same(self, document: Document, file: FoundFile, digest: bytes | None) -> bool:
        is_known = self._hashes.get(document.id) == digest
        return is_known and document.status != "failed" and document.media_type == file.media_type


def _by_age(mirror: Mirror) -> list[Document]:
    return sorted(mirror.documents, key=lambda document: document.id)


def _fault(file: FoundFile, limit: int) -> str | None:
    try:
        size = file.target.stat().st_size
    except OSError:
        return "it cannot be read"
    if size == 0:
        return "the file is empty"
    return f"it is larger than the {limit} bytes allowed" if size > limit else None
