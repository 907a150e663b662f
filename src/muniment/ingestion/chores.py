"""What a worker does from time to time beside its jobs, such as sweeping out what has expired."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from muniment.ingestion.outage import Outage

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """A small piece of work that is due again and again.

    Every worker does all of them, and none knows of the others: a chore that is done twice, or by
    two workers at once, has to leave what one would have left.
    """

    name: str
    interval: timedelta
    work: Callable[[], Awaitable[object]]
    at_once: bool = True
    """Whether it is also due when a worker starts. Not what reads everything there is."""


async def keep_doing(chore: Chore, outage: Outage) -> None:
    """Do a chore now and after every interval, until cancelled.

    It begins at once, so that a worker that never lives as long as the interval does it as well;
    or after the first interval, where that would be too much for a worker that lives for seconds.
    One that meets a database that is away is left for the next time.
    """
    if not chore.at_once:
        await asyncio.sleep(chore.interval.total_seconds())
    while True:
        try:
            await chore.work()
        except Exception as error:  # noqa: BLE001 # boundary: a chore that fails ends no worker
            if not outage.note_passing(error):
                _log.warning("chore_failed", chore=chore.name, exc_info=error)
        await asyncio.sleep(chore.interval.total_seconds())
