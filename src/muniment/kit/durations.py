"""Lengths of time in settings: ISO 8601 (`PT5M`) or a number of seconds."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_SECONDS = re.compile(r"\s*\d+(\.\d+)?\s*")


def _read_seconds(value: object) -> object:
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        return float(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(_read_seconds), Field(ge=timedelta(0))]
"""A length of time that is not negative; text from the environment may be plain seconds."""


def format_duration(value: timedelta) -> str:
    """Write a length of time in ISO 8601, as the settings take it."""
    seconds = value.total_seconds()
    for size, template in ((86400, "P{}D"), (3600, "PT{}H"), (60, "PT{}M")):
        if seconds and seconds % size == 0:
            return template.format(int(seconds // size))
    return f"PT{seconds:g}S"
