"""Commands for those who run the product: the schema, and tokens of the built-in issuer."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from muniment.app.container import load_local_issuer, open_shared
from muniment.app.database import bring_up_to_date, database_addresses, walls_for
from muniment.app.tables import all_tables
from muniment.cli.command import Place, UsageError
from muniment.kit.clock import SystemClock
from muniment.kit.durations import Duration
from muniment.ports.access import AttributeValue
from muniment.postgres.migrator import Migrator, SchemaMismatchError, ensure_current

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


async def migrate(
    place: Place,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if there is something to do.")
    ] = False,
    to: Annotated[
        str | None, typer.Option("--to", help="Revision to go to, forwards or back.")
    ] = None,
) -> None:
    """Bring the database's tables, policies and indexes to this version."""
    settings = place.settings()
    async with database_addresses(settings) as urls, open_shared(settings) as shared:
        migrator = Migrator(urls.owner, all_tables())
        if check:
            await _check(migrator)
            async with migrator.connection() as connection:
                if not await walls_for(urls).are_up(connection):
                    raise SchemaMismatchError(
                        "The policies and grants are not those of this version.",
                        hint="Run `muniment migrate`.",
                    )
            typer.echo("The database is up to date.")
        elif to is not None:
            await migrator.go_to(to)
            typer.echo(f"The database is at revision {to}.")
        else:
            await bring_up_to_date(urls, shared.embedder.identity, settings.vectors)
            typer.echo(f"The database is at revision {Migrator.head()}.")


async def token(
    place: Place,
    user: Annotated[str, typer.Option("--user", help="Who the token speaks for.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="A role; may be given again.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="A group's full path, such as /eng/search.")
    ] = None,
    attr: Annotated[
        list[str] | None, typer.Option("--attr", help="An attribute, such as clearance=3.")
    ] = None,
    tenant: Annotated[str, typer.Option("--tenant", help="The organisation.")] = "default",
    ttl: Annotated[
        str, typer.Option("--ttl", help="How long it is good, such as 1h or P1D.")
    ] = "1h",
) -> None:
    """Print a token of the built-in issuer (local mode only)."""
    settings = place.settings(log_level="warning")
    issuer = await load_local_issuer(settings, SystemClock())
    typer.echo(
        issuer.mint(
            user,
            roles=role or ["member"],
            groups=group or [],
            attributes=_attributes(attr or [], settings.identity.attributes),
            tenant=tenant,
            lifetime=_duration(ttl),
        )
    )


async def _check(migrator: Migrator) -> None:
    ensure_current(await migrator.current())
    await migrator.compare()


def _attributes(pairs: list[str], types: Mapping[str, str]) -> dict[str, AttributeValue]:
    """Read `name=value` pairs, with the type that the settings declare."""
    attributes: dict[str, AttributeValue] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--attr {pair} is not of the form name=value.")
        is_number = types.get(name) == "int" and value.lstrip("-").isdecimal()
        attributes[name] = int(value) if is_number else value
    return attributes


def _duration(text: str) -> timedelta:
    """Read a time such as 90s, 15m, 1h, 7d, a number of seconds, or ISO 8601."""
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isdecimal():
        return timedelta(seconds=int(number) * _UNITS[unit])
    try:
        return _DURATION.validate_python(text)
    except ValidationError as error:
        raise UsageError(
            f"--ttl {text} is not a time.", hint="Write it as 90s, 15m, 1h, 7d or PT1H."
        ) from error
