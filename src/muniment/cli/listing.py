"""Commands that show what is there, and remove it."""

from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.cli.collections import (
    CollectionName,
    all_collections,
    documents_of,
    find_collection,
    session_of,
)
from muniment.cli.command import Place
from muniment.cli.paging import all_items
from muniment.cli.product import Product, open_product
from muniment.cli.searching import AsJson
from muniment.cli.terminal import console_of_results, line, print_json
from muniment.kit.etag import ANY_REVISION
from muniment.library.repository.documents import DocumentCriteria, DocumentView
from muniment.library.service.presentation import present_collection, present_document

_ID_WIDTH = 36
"""An id is copied from here, so it is never cut."""


async def list_collections(place: Place, as_json: AsJson = False) -> None:
    """List the collections with the role that the acting user holds; an admin sees all."""
    async with open_product(place) as product, session_of(product) as session:
        collections = [present_collection(view) for view in await all_collections(product, session)]
    if as_json:
        print_json(*collections, as_list=True)
        return
    table = table_of("name", "role", "created")
    for collection in collections:
        created = f"{collection.created_at:%Y-%m-%d}"
        role = collection.role or "-"
        table.add_row(str(collection.id), line(collection.name), role, created)
    console_of_results().print(table)


async def list_documents(
    place: Place, collection: CollectionName = None, as_json: AsJson = False
) -> None:
    """List documents, newest first; of one collection, or of all."""
    async with open_product(place) as product:
        wanted = None if collection is None else await find_collection(product, collection)
        async with session_of(product) as session:
            documents = [
                present_document(view) for view in await _documents(product, session, wanted)
            ]
    if as_json:
        print_json(*documents, as_list=True, without="unset")
        return
    table = table_of("name", "status", "version", "chunks", "error")
    for document in documents:
        error = document.error.code if document.error else ""
        version, chunks = str(document.version), str(document.chunks)
        name = line(document.name)
        table.add_row(str(document.id), name, document.status, version, chunks, error)
    console_of_results().print(table)


async def remove_document(
    place: Place, document: Annotated[UUID, typer.Argument(help="Id of the document.")]
) -> None:
    """Delete a document: nobody finds it any more, and soon nothing of it is left."""
    async with open_product(place) as product, session_of(product) as session:
        await documents_of(product, session).delete(product.principal, document, ANY_REVISION)
    typer.echo(f"deleted {document}")


async def _documents(
    product: Product, session: AsyncSession, collection: UUID | None
) -> list[DocumentView]:
    wanted = [collection] if collection is not None else None
    if wanted is None:
        wanted = [view.collection.id for view in await all_collections(product, session)]
    service = documents_of(product, session)
    views: list[DocumentView] = []
    for each in wanted:
        read = partial(service.list_in, product.principal, each, DocumentCriteria())
        views += [view async for view in all_items(read)]
    # Ids rise with time, so this is one order across all collections.
    return sorted(views, key=lambda view: view.document.id, reverse=True)


def table_of(*columns: str) -> Table:
    """Make a table of rows with an id, which is never cut."""
    table = Table(box=None, header_style="dim")
    table.add_column("id", no_wrap=True, min_width=_ID_WIDTH)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
