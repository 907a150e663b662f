"""Commands for API keys of the local user: make, list and revoke them."""

from functools import partial
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.api_keys.schemas import ApiKeyCreate, ApiKeyRead
from muniment.api_keys.service import ApiKeyService
from muniment.app.local_mode import refuse_keys_of_ours
from muniment.cli.collections import session_of
from muniment.cli.command import Place, request_of
from muniment.cli.listing import table_of
from muniment.cli.paging import all_items
from muniment.cli.product import Product, open_product
from muniment.cli.searching import AsJson
from muniment.cli.terminal import console_of_messages, console_of_results, line, print_json
from muniment.cli.tokens import read_duration
from muniment.kit.clock import SystemClock


async def create_key(
    place: Place,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")],
    scope: Annotated[
        list[str],
        typer.Option("--scope", help="A permission, such as search:query; may be given again."),
    ],
    expires_in: Annotated[
        str | None,
        typer.Option("--expires-in", help="How long it is good, such as 30d or P30D."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key of the acting user and print it, this once (local mode only)."""
    refuse_keys_of_ours(place.settings(log_level="warning"))
    lifetime = None if expires_in is None else read_duration(expires_in, "--expires-in")
    wanted = request_of(ApiKeyCreate, "The key", name=name, scope=scope, expires_in=lifetime)
    async with open_product(place) as product, session_of(product) as session:
        made = await _service(product, session).create(product.principal, wanted)
    if as_json:
        print_json(made.shown())
        return
    typer.echo(made.secret.get_secret_value())
    told = f"{made.key.id} is good until {made.key.expires_at:%Y-%m-%d}. It is not shown again."
    console_of_messages().print(told, soft_wrap=True)


async def list_keys(place: Place, as_json: AsJson = False) -> None:
    """List the API keys of the acting user, newest first."""
    async with open_product(place) as product, session_of(product) as session:
        keys = await _keys(product, session)
    if as_json:
        print_json(*keys, as_list=True)
        return
    table = table_of("name", "key", "scope", "status", "expires", "last used")
    for key in keys:
        used = "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d}"
        expires = f"{key.expires_at:%Y-%m-%d}"
        scope = " ".join(key.scope)
        table.add_row(
            str(key.id), line(key.name), f"{key.prefix}…", scope, key.status, expires, used
        )
    console_of_results().print(table)


async def revoke_key(
    place: Place, key: Annotated[UUID, typer.Argument(help="Id of the key.")]
) -> None:
    """Take an API key back: it stops at once, with whatever is open by it."""
    async with open_product(place) as product, session_of(product) as session:
        await _service(product, session).revoke(product.principal, key)
    typer.echo(f"revoked {key}")


def _service(product: Product, session: AsyncSession) -> ApiKeyService:
    return ApiKeyService(session, product.settings.identity.api_keys, SystemClock())


async def _keys(product: Product, session: AsyncSession) -> list[ApiKeyRead]:
    service = _service(product, session)
    return [key async for key in all_items(partial(service.list_own, product.principal))]
