"""The command `audit`: who did what, and what was refused to whom."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Final

import typer
from rich.table import Table

from muniment.audit.acts import Action
from muniment.cli.collections import session_of
from muniment.cli.command import Place, request_of
from muniment.cli.paging import all_items
from muniment.cli.product import Product, open_product
from muniment.cli.searching import AsJson
from muniment.cli.terminal import console_of_results, line, print_json
from muniment.oversight.schemas import EntryFilter, EntryRead
from muniment.oversight.service import OversightService

_MOMENTS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


async def audit(
    place: Place,
    action: Annotated[
        Action | None, typer.Option("--action", help="Only this action, such as grant.given.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Only this user: an id or <issuer>|<subject>.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=_MOMENTS, help="Only from this moment on, in local time."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--until", formats=_MOMENTS, help="Only before this moment, in local time."),
    ] = None,
    no_tenant: Annotated[
        bool,
        typer.Option("--no-tenant", help="What is no tenant's matter, such as refused tokens."),
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many entries at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List who did what and what was refused to whom, newest first.

    Of the acting user's tenant; entries of no tenant are shown here and nowhere else.
    """
    wanted = request_of(
        EntryFilter,
        "--actor, --since or --until",
        action=action,
        actor=actor,
        since=None if since is None else since.astimezone(),
        until=None if until is None else until.astimezone(),
    )
    async with open_product(place) as product:
        entries = [entry async for entry in _read(product, wanted, limit, no_tenant=no_tenant)]
    if as_json:
        print_json(*entries, as_list=True)
    else:
        console_of_results().print(_table(entries))


async def _read(
    product: Product, wanted: EntryFilter, limit: int, *, no_tenant: bool
) -> AsyncIterator[EntryRead]:
    transaction = product.serving.transactions.begin(None) if no_tenant else session_of(product)
    async with transaction as session:
        oversight = OversightService(session)
        read = oversight.list_unassigned if no_tenant else oversight.list_entries
        async for entry in all_items(partial(read, product.principal, wanted), most=limit):
            yield entry


def _table(entries: Sequence[EntryRead]) -> Table:
    table = Table(box=None, header_style="dim")
    for column in ("when", "action", "outcome", "count", "actor", "object", "details"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        target = "" if entry.object is None else f"{entry.object.kind}:{entry.object.id}"
        facts = entry.details.model_dump(mode="json", exclude_none=True)
        table.add_row(
            f"{entry.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
            line(entry.action),
            entry.outcome,
            str(entry.count),
            line(entry.actor),
            target,
            line(", ".join(f"{name}={value}" for name, value in facts.items())),
        )
    return table
