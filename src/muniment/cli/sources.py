"""Commands for sources: what is followed, and an end of it."""

from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from muniment.cli.collections import (
    CollectionName,
    all_collections,
    find_collection,
    session_of,
)
from muniment.cli.command import Place
from muniment.cli.following import sources_of
from muniment.cli.listing import table_of
from muniment.cli.paging import all_items
from muniment.cli.product import Product, open_product
from muniment.cli.searching import AsJson
from muniment.cli.terminal import console_of_results, line, print_json
from muniment.kit.durations import format_duration
from muniment.kit.etag import ANY_REVISION
from muniment.sources.schemas import SourceRead
from muniment.sources.service import present_source

_EDITORS = frozenset({"editor", "owner"})


async def list_sources(
    place: Place, collection: CollectionName = None, as_json: AsJson = False
) -> None:
    """List the addresses that documents follow; of one collection, or of all one may edit."""
    async with open_product(place) as product:
        wanted = None if collection is None else await find_collection(product, collection)
        sources = await _sources(product, wanted)
    if as_json:
        print_json(*sources, as_list=True)
        return
    table = table_of("url", "status", "every", "error")
    for source in sources:
        every = "" if source.refetch_every is None else format_duration(source.refetch_every)
        error = source.error.code if source.error else ""
        table.add_row(str(source.id), line(source.url), source.status, every, error)
    console_of_results().print(table)


async def remove_source(
    place: Place, source: Annotated[UUID, typer.Argument(help="Id of the source.")]
) -> None:
    """Stop following an address; its document stays."""
    async with open_product(place) as product, session_of(product) as session:
        await sources_of(product, session).remove(product.principal, source, ANY_REVISION)
    typer.echo(f"removed {source}")


async def _sources(product: Product, collection: UUID | None) -> list[SourceRead]:
    async with session_of(product) as session:
        wanted = [collection] if collection is not None else None
        if wanted is None:
            views = await all_collections(product, session)
            wanted = [view.collection.id for view in views if view.role in _EDITORS]
        service = sources_of(product, session)
        found: list[SourceRead] = []
        for each in wanted:
            read = partial(service.list_in, product.principal, each)
            found += [present_source(source) async for source in all_items(read)]
    return found
