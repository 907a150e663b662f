"""Deleting documents whose files are gone: what `add --prune` does after adding."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from uuid import UUID

from muniment.cli.collections import session_of
from muniment.cli.product import Product
from muniment.kit.clock import SystemClock
from muniment.kit.errors import MunimentError
from muniment.kit.pagination import MAX_LIMIT, PageRequest
from muniment.library.repository.documents import DocumentCriteria
from muniment.library.service.documents import DocumentService


class FolderEmptyError(MunimentError):
    """A folder that documents came from holds no file: its disk is missing, more likely than not.

    Whoever deleted all of its files can delete the documents one by one or with the collection.
    """

    code = "folder_empty"
    status = 409
    title = "The folder is empty"


async def require_files(product: Product, collection_id: UUID, empty: Sequence[Path]) -> None:
    """Refuse to prune by folders without any file that documents came from.

    Raises FolderEmptyError.
    """
    if not empty:
        return
    for _, uri in await _editable(product, collection_id):
        file = _file_of(uri)
        folder = None if file is None else next((at for at in empty if at in file.parents), None)
        if folder is not None:
            raise FolderEmptyError(
                f"There is no file in {folder}, and documents came from it; nothing is deleted.",
                hint="Is its disk mounted, and may you read it? Else add without --prune.",
            )


async def prune(product: Product, collection_id: UUID, folders: Sequence[Path]) -> int:
    """Delete documents that were added from below the folders and have no file there any more.

    Documents that came otherwise, by an upload or from elsewhere, are left alone; so are those
    that the user may not edit.
    """
    gone = [
        document_id
        for document_id, uri in await _editable(product, collection_id)
        if await asyncio.to_thread(_is_gone, uri, folders)
    ]
    for document_id in gone:
        async with session_of(product) as session:
            service = DocumentService(session, product.settings.identity.attributes, SystemClock())
            await service.delete(product.principal, document_id, None)
    return len(gone)


async def _editable(product: Product, collection_id: UUID) -> list[tuple[UUID, str]]:
    found: list[tuple[UUID, str]] = []
    cursor: str | None = None
    async with session_of(product) as session:
        service = DocumentService(session, product.settings.identity.attributes, SystemClock())
        while True:
            page = await service.list_in(
                product.principal,
                collection_id,
                DocumentCriteria(),
                PageRequest(cursor, MAX_LIMIT),
            )
            found += [
                (view.document.id, view.document.uri)
                for view in page.items
                if view.may_edit and view.document.uri is not None
            ]
            cursor = page.next
            if cursor is None:
                return found


def _is_gone(uri: str, folders: Sequence[Path]) -> bool:
    """Tell whether a file below the folders is certainly not there, not merely out of reach."""
    file = _file_of(uri)
    if file is None or not any(folder in file.parents for folder in folders):
        return False
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
