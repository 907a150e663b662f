"""Files that were renamed or moved: with `add --prune` their documents go along.

A file without a document, whose bytes are those of a document without its file, is that document
under another name: it keeps its id, its passages and what cites it, and nothing is embedded anew.
Where several files or documents are equal, those with the same last name belong together first,
then those in the same folder, then the others in the order of their paths. Where equal documents
have different access rules, that is not sure enough: then only those belong together that share
more of the end of their paths with each other than with anything else. Whatever finds no partner
is new or gone, as without renames.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from uuid import UUID

from muniment.cli.collections import documents_of, session_of
from muniment.cli.files import FoundFile, FoundFiles
from muniment.cli.product import Product
from muniment.cli.pruning import (
    Known,
    editable_documents,
    find_gone,
    known_below,
    require_plausible,
)
from muniment.library.models import Document
from muniment.library.repository.documents import DocumentRepository

_READ_BYTES = 1 << 20
_ALIKE: tuple[Callable[[Path], object], ...] = (
    lambda path: path.name,
    lambda path: path.parent,
    lambda _path: None,
)
"""What a renamed file may have kept, the strongest sign first."""


@dataclass(frozen=True, slots=True)
class Move:
    """A document and the file that it is to be found under."""

    document: Document
    file: FoundFile


@dataclass(frozen=True, slots=True)
class Mirror:
    """What has become of the files of documents since they were added."""

    documents: Sequence[Document]
    """Those that the user may edit and that have an address."""
    moves: Sequence[Move]
    gone: Sequence[Known]
    """Those whose files are gone, and were not moved."""


async def compare(
    product: Product, collection_id: UUID, found: FoundFiles, *, believe: bool
) -> Mirror:
    """Find what was moved and what is gone. Raises FolderEmptyError and TooMuchGoneError."""
    documents = await editable_documents(product, collection_id)
    known = known_below(product.principal, documents, found.folders)
    gone = await asyncio.to_thread(find_gone, known)
    taken = {document.uri for document in documents}
    fresh = [file for file in found.readable if file.uri not in taken]
    moves = await _find_moves(product, gone, fresh)
    moved = {move.document.id for move in moves}
    lost = [one for one in gone if one.document.id not in moved]
    if not believe:
        await asyncio.to_thread(require_plausible, lost, known, found.folders)
    return Mirror(documents, moves, lost)


async def move_all(product: Product, moves: Sequence[Move]) -> frozenset[str]:
    """Let documents go along with their files; give the addresses that they have now."""
    moved = set()
    for move in moves:
        async with session_of(product) as session:
            service = documents_of(product, session)
            name, uri = move.file.name, move.file.uri
            if await service.move(product.principal, move.document.id, name, uri):
                moved.add(uri)
    return frozenset(moved)


def hash_of(file: FoundFile) -> bytes | None:
    """Give the SHA-256 of a file; None when it cannot be read. Blocks on the disk."""
    digest = sha256()
    try:
        with file.open() as stream:
            while block := stream.read(_READ_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.digest()


def pair(
    gone: Iterable[tuple[Known, bytes]], fresh: Iterable[tuple[FoundFile, bytes]]
) -> list[Move]:
    """Pair documents and files of equal bytes, each at most once, always in the same way."""
    left = sorted(gone, key=lambda one: (one[0].file, one[0].document.id))
    files = sorted(fresh, key=lambda one: one[0].path)
    moves: list[Move] = []
    for mixed in _of_mixed_rules(left):
        moves += _pair_surely(
            [known for known, digest in left if digest == mixed],
            [file for file, digest in files if digest == mixed],
        )
        left = [one for one in left if one[1] != mixed]
        files = [one for one in files if one[1] != mixed]
    for kept in _ALIKE:
        partners: defaultdict[tuple[bytes, object], deque[Known]] = defaultdict(deque)
        for known, digest in left:
            partners[digest, kept(known.file)].append(known)
        waiting, files = files, []
        for file, digest in waiting:
            alike = partners[digest, kept(file.path)]
            if alike:
                moves.append(Move(alike.popleft().document, file))
            else:
                files.append((file, digest))
        taken = {move.document.id for move in moves}
        left = [one for one in left if one[0].document.id not in taken]
    return moves


def _of_mixed_rules(gone: Iterable[tuple[Known, bytes]]) -> list[bytes]:
    """Give the bytes that several documents have under different access rules."""
    alike: defaultdict[bytes, list[Known]] = defaultdict(list)
    for known, digest in gone:
        alike[digest].append(known)
    return [
        digest
        for digest, (first, *others) in alike.items()
        if any(other.document.rule != first.document.rule for other in others)
    ]


def _pair_surely(gone: Sequence[Known], files: Sequence[FoundFile]) -> list[Move]:
    """Pair what shares more of the ends of their paths than either shares with anything else."""
    shared = [[_shared_end(known.file, file.path) for file in files] for known in gone]
    moves = []
    for row, known in zip(shared, gone, strict=True):
        most = max(row, default=0)
        if most == 0 or row.count(most) > 1:
            continue
        place = row.index(most)
        if [other[place] >= most for other in shared].count(True) == 1:
            moves.append(Move(known.document, files[place]))
    return moves


def _shared_end(one: Path, other: Path) -> int:
    """Count the names that two paths share, from the last one on."""
    pairs_of_names = zip(reversed(one.parts), reversed(other.parts), strict=False)
    return sum(1 for _ in takewhile(lambda names: names[0] == names[1], pairs_of_names))


async def _find_moves(
    product: Product, gone: Sequence[Known], fresh: Sequence[FoundFile]
) -> list[Move]:
    if not gone or not fresh:
        return []
    async with session_of(product) as session:
        kept = await DocumentRepository(session).newest_hashes([one.document for one in gone])
    wanted = set(kept.values())
    sizes = {one.document.size for one in gone}
    hashed = await asyncio.to_thread(_hashes, fresh, sizes)
    lost = [(one, kept[one.document.id]) for one in gone if one.document.id in kept]
    return pair(lost, [one for one in hashed if one[1] in wanted])


def _hashes(files: Sequence[FoundFile], sizes: Collection[int]) -> list[tuple[FoundFile, bytes]]:
    """Read those files whose size one of the wanted has."""
    found = []
    for file in files:
        try:
            has_size = file.target.stat().st_size in sizes
        except OSError:
            continue
        digest = hash_of(file) if has_size else None
        if digest is not None:
            found.append((file, digest))
    return found
