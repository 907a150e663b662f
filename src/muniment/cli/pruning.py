"""Deleting documents whose files are gone: what `add --prune` does after adding.

Only what the same user has put there with `add` goes with its file: an upload may carry the address
of a file too, of a file on another machine, and whoever sent it does not expect a folder here to
decide about it. Whose newest bytes came by an upload is no longer of the command.

A disk that is not mounted looks like a folder whose files were all deleted. Where much would go at
once nothing is believed: two rules refuse, and a person who knows better says `--prune-all`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from uuid import UUID

from muniment.cli.collections import documents_of, session_of
from muniment.cli.files import holds_files
from muniment.cli.paging import all_items
from muniment.cli.product import Product
from muniment.identity.principal import Principal
from muniment.kit.errors import MunimentError
from muniment.kit.etag import ANY_REVISION
from muniment.library.models import Document
from muniment.library.repository.documents import DocumentCriteria


class FolderEmptyError(MunimentError):
    """A folder that documents came from holds no file: its disk is missing, more likely than not.

    Somebody who tidies up removes the folder with its files; what is not mounted leaves it empty.
    """

    code = "folder_empty"
    status = 409
    title = "The folder is empty"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"There is no file in {folder}, and documents came from it; nothing is deleted.",
            hint="Is its disk mounted, and may you read it? If its files shall be forgotten, add"
            " with --prune-all.",
        )


class TooMuchGoneError(MunimentError):
    """More than half of the documents that came from a folder would be deleted at once.

    Whatever the reason, the wrong disk or a folder that was moved, it is rarely meant.
    """

    code = "too_much_gone"
    status = 409
    title = "More than half is gone"

    def __init__(self, folder: Path, gone: int, known: int) -> None:
        super().__init__(
            f"Of the {known} documents that came from {folder}, the files of {gone} are gone;"
            " nothing is deleted.",
            hint="Is it the right disk, and all of it? If they shall be forgotten, add with"
            " --prune-all.",
        )


@dataclass(frozen=True, slots=True)
class Known:
    """A document that the user added from a file below one of the folders."""

    document: Document
    file: Path


async def prune(
    product: Product, collection_id: UUID, folders: Sequence[Path], *, believe: bool
) -> int:
    """Delete documents that were added from below the folders and have no file there any more.

    Documents that came otherwise, by an upload, from elsewhere or from somebody else, are left
    alone; so are those that the user may not edit. Raises FolderEmptyError and TooMuchGoneError,
    unless all that is gone is to be believed.
    """
    documents = await editable_documents(product, collection_id)
    known = known_below(product.principal, documents, folders)
    # Looked at anew, for a disk may have gone away while files were added.
    gone = await asyncio.to_thread(find_gone, known)
    if not believe:
        await asyncio.to_thread(require_plausible, gone, known, folders)
    for one in gone:
        async with session_of(product) as session:
            service = documents_of(product, session)
            await service.delete(product.principal, one.document.id, ANY_REVISION)
    return len(gone)


async def editable_documents(product: Product, collection_id: UUID) -> list[Document]:
    """List the documents with an address that the user may edit, whoever brought them."""
    async with session_of(product) as session:
        service = documents_of(product, session)
        read = partial(service.list_in, product.principal, collection_id, DocumentCriteria())
        return [
            view.document
            async for view in all_items(read)
            if view.may_edit and view.document.uri is not None
        ]


def known_below(
    principal: Principal, documents: Sequence[Document], folders: Sequence[Path]
) -> list[Known]:
    """Choose the documents that go with their files: added by this user from below the folders."""
    found = []
    for document in documents:
        if document.follows_file and document.created_by == principal.user_id:
            file = _file_of(document.uri or "")
            if file is not None and any(folder in file.parents for folder in folders):
                found.append(Known(document, file))
    return found


def find_gone(known: Sequence[Known]) -> list[Known]:
    """Choose the documents whose files are certainly not there. Blocks on the disk."""
    return [one for one in known if _is_gone(one.file)]


def require_plausible(
    gone: Sequence[Known], known: Sequence[Known], folders: Sequence[Path]
) -> None:
    """Refuse to believe that much is gone at once. Blocks on the disk.

    Raises FolderEmptyError and TooMuchGoneError.
    """
    _require_filled(gone, folders)
    _require_few(gone, known, folders)


def _require_filled(gone: Sequence[Known], folders: Sequence[Path]) -> None:
    """Refuse when the last folder that still stands above a file that is gone is empty."""
    is_filled = cache(holds_files)
    for document in gone:
        folder = _last_standing(document.file, folders)
        if not is_filled(folder):
            raise FolderEmptyError(folder)


def _require_few(gone: Sequence[Known], known: Sequence[Known], folders: Sequence[Path]) -> None:
    for folder in folders:
        all_of_it = sum(folder in document.file.parents for document in known)
        lost = sum(folder in document.file.parents for document in gone)
        if 2 * lost > all_of_it:
            raise TooMuchGoneError(folder, lost, all_of_it)


def _last_standing(file: Path, folders: Sequence[Path]) -> Path:
    """Give the deepest folder on the way to a file that is there; in the end, the one named."""
    for parent in file.parents:
        if parent.is_dir() or parent in folders:
            return parent
    return file.parent


def _is_gone(file: Path) -> bool:
    """Tell whether a file is certainly not there, not merely out of reach."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _file_of(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc:
        return None
    return Path(unquote_to_bytes(parts.path).decode("utf-8", "surrogateescape"))
