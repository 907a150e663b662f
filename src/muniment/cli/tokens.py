"""The command for tokens of the built-in issuer."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter

from muniment.app.local_mode import load_local_issuer, refuse_tokens_of_ours
from muniment.cli.command import Place, UsageError
from muniment.kit.clock import SystemClock
from muniment.kit.durations import Duration
from muniment.ports.access import AttributeValue

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WHOLE_NUMBER = re.compile(r"-?\d{1,18}")


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
    refuse_tokens_of_ours(settings)
    issuer = await load_local_issuer(settings, SystemClock())
    typer.echo(
        issuer.mint(
            user,
            roles=role or ["member"],
            groups=group or [],
            attributes=read_attributes(attr or [], settings.identity.attributes),
            tenant=tenant,
            lifetime=read_duration(ttl, "--ttl"),
        )
    )


def read_attributes(pairs: list[str], types: Mapping[str, str]) -> dict[str, AttributeValue]:
    """Read `name=value` pairs, with the type that the settings declare."""
    attributes: dict[str, AttributeValue] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--attr {pair} is not of the form name=value.")
        if types.get(name) != "int":
            attributes[name] = value
        elif _WHOLE_NUMBER.fullmatch(value):
            attributes[name] = int(value)
        else:
            raise UsageError(f"--attr {pair}: {name} must be a whole number of at most 18 digits.")
    return attributes


def read_duration(text: str, option: str) -> timedelta:
    """Read the time of an option: 90s, 15m, 1h, 7d, a number of seconds, or ISO 8601."""
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number.isdecimal():
            return timedelta(seconds=int(number) * _UNITS[unit])
        return _DURATION.validate_python(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} {text} is not a time.", hint="Write it as 90s, 15m, 1h, 7d or PT1H."
        ) from error
