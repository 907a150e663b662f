"""Commands for those who run the product: the schema of its database."""

from typing import Annotated

import typer

from muniment.app.container import open_shared
from muniment.app.database import (
    bring_up_to_date,
    database_addresses,
    ensure_owner,
    ensure_walls,
    prepare_owner,
)
from muniment.app.tables import all_tables
from muniment.cli.command import Place
from muniment.postgres.migrator import Migrator, ensure_current


async def migrate(
    place: Place,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if there is something to do.")
    ] = False,
    to: Annotated[
        str | None, typer.Option("--to", help="Revision to go to, forwards or back.")
    ] = None,
    discard_data: Annotated[
        bool, typer.Option("--discard-data", help="Let going back remove what is stored.")
    ] = False,
    rebuild_index: Annotated[
        bool,
        typer.Option(
            "--rebuild-index", help="Build the vector index anew; the old one serves meanwhile."
        ),
    ] = False,
) -> None:
    """Bring the database's tables, policies and indexes to this version."""
    settings = place.settings(log_level="warning")
    async with database_addresses(settings) as urls, open_shared(settings) as shared:
        migrator = Migrator(urls.owner, all_tables())
        if check:
            await _check(migrator)
            async with migrator.connection() as connection:
                await ensure_owner(connection)
                await ensure_walls(connection, urls)
            typer.echo("The database is up to date.")
        elif to is not None and to not in {"head", Migrator.head()}:
            async with migrator.connection() as connection:
                await prepare_owner(connection, urls)
            await migrator.go_to(to, discard_data=discard_data)
            typer.echo(f"The database is at revision {to}.")
        else:
            await bring_up_to_date(
                urls,
                shared.embedder.identity,
                settings.vectors,
                rebuild_index=rebuild_index,
            )
            typer.echo(f"The database is at revision {Migrator.head()}.")


async def _check(migrator: Migrator) -> None:
    ensure_current(await migrator.current())
    await migrator.compare()
