"""Finding the collection that a person means, by id or name, as the user who acts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.cli.command import UsageError, request_of
from muniment.cli.paging import all_items
from muniment.cli.product import Product
from muniment.kit.clock import SystemClock
from muniment.library.repository.collections import CollectionView
from muniment.library.schemas.collections import CollectionCreate
from muniment.library.service.collections import CollectionService
from muniment.library.service.documents import DocumentService
from muniment.library.service.rule_check import RuleCheck
from muniment.postgres.unit_of_work import Scope

CollectionName = Annotated[
    str | None, typer.Option("--collection", help="Name or id of the collection.")
]


@asynccontextmanager
async def session_of(product: Product) -> AsyncIterator[AsyncSession]:
    """Open a transaction as the acting user."""
    principal = product.principal
    scope = Scope(principal.tenant_id, principal.names)
    async with product.serving.transactions.begin(scope) as session:
        yield session


def collections_of(product: Product, session: AsyncSession) -> CollectionService:
    """Give the service of collections, as a request would have it."""
    return CollectionService(session, RuleCheck.by(product.settings.identity))


def documents_of(product: Product, session: AsyncSession) -> DocumentService:
    """Give the service of documents, as a request would have it."""
    return DocumentService(session, RuleCheck.by(product.settings.identity), SystemClock())


async def all_collections(product: Product, session: AsyncSession) -> list[CollectionView]:
    """List every collection that the acting user knows of."""
    service = collections_of(product, session)
    return [view async for view in all_items(partial(service.list_visible, product.principal))]


async def find_held(product: Product, wanted: str) -> UUID | None:
    """Find a collection by id or name; names are not unique, so two of a name are refused.

    Collections that the user holds no role in do not count: an admin knows of everybody's.
    """
    wanted = wanted.strip()  # as the name of every collection is
    async with session_of(product) as session:
        held = [view for view in await all_collections(product, session) if view.role is not None]
    matches = [
        view.collection.id
        for view in held
        if wanted in {view.collection.name, str(view.collection.id)}
    ]
    if len(matches) > 1:
        ids = ", ".join(map(str, matches))
        raise UsageError(
            f"{len(matches)} collections are called {wanted}.", hint=f"Name one by id: {ids}"
        )
    return matches[0] if matches else None


async def find_collection(product: Product, wanted: str, *, make: bool = False) -> UUID:
    """Find a collection as `find_held` does, or make it if that is wished. Raises UsageError."""
    found = await find_held(product, wanted)
    if found is not None:
        return found
    wanted = wanted.strip()
    if not make:
        raise UsageError(
            f"There is no collection {wanted} among those you have access to.",
            hint="`muniment collections list` shows them.",
        )
    request = request_of(CollectionCreate, "The name of the collection", name=wanted)
    async with session_of(product) as session:
        view = await collections_of(product, session).create(product.principal, request)
        return view.collection.id
