"""Opens the product for a command: its database, its services, and the user who acts."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from muniment.app.container import Serving, Shared, open_serving, open_shared
from muniment.app.database import bring_up_to_date, database_addresses
from muniment.app.settings import Settings
from muniment.cli.command import DEFAULT_USER, Place
from muniment.identity.principal import Principal
from muniment.kit.logging import bind_caller
from muniment.postgres.engine import DatabaseUrls


@dataclass(frozen=True, slots=True)
class Product:
    """The running product as a command sees it."""

    settings: Settings
    urls: DatabaseUrls
    shared: Shared
    serving: Serving
    principal: Principal
    """The acting user: signed in through the built-in issuer, like anybody over HTTP."""


@asynccontextmanager
async def open_product(place: Place) -> AsyncIterator[Product]:
    """Open the product in its folder; the embedded database is started, migrated and stopped."""
    settings = place.settings(log_level="warning")
    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(database_addresses(settings))
        shared = await stack.enter_async_context(open_shared(settings))
        if settings.database.url is None:
            await bring_up_to_date(urls, shared.embedder.identity, settings.vectors)
        serving = await stack.enter_async_context(open_serving(shared, urls))
        yield Product(settings, urls, shared, serving, await sign_in(serving, place.acting))


async def sign_in(serving: Serving, user: str) -> Principal:
    """Act as a local user: `owner` is member and admin, everybody else a member."""
    return await sign_in_as(serving, serving.sign_in.local_issuer.mint(user, roles=roles_of(user)))


def roles_of(user: str) -> tuple[str, ...]:
    """Give the roles of a local user."""
    return ("member", "admin") if user == DEFAULT_USER else ("member",)


async def sign_in_as(serving: Serving, token: str) -> Principal:
    """Take a token of the built-in issuer, good on the command line whatever requests need."""
    principal = (await serving.sign_in.command_line.authenticate(token)).principal
    bind_caller(tenant=principal.tenant, user=str(principal.user_id))
    return principal
