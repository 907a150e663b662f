"""Lengths of time in settings: ISO 8601 (`PT5M`) or a number of seconds."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = (
    (timedelta(days=1), "P{}D"),
    (timedelta(hours=1), "PT{}H"),
    (timedelta(minutes=1), "PT{}M"),
)
_SECONDS = re.compile(r"\s*\d+(\.\d+)?\s*")


def _read_seconds(value: object) -> object:
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        return float(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(_read_seconds), Field(ge=timedelta(0))]
"""A length of time that is not negative; text from the environment may be plain seconds."""


def format_duration(value: timedelta) -> str:
    """Write a length of time in ISO 8601, as the settings take it."""
    for unit, template in _UNITS:
        if value and not value % unit:
            return template.format(value // unit)
    # In whole microseconds, because a float of many seconds would be rounded.
    seconds, microseconds = divmod(value // timedelta(microseconds=1), 1_000_000)
    fraction = f".{microseconds:06d}".rstrip("0") if microseconds else ""
    return f"PT{seconds}{fraction}S"
