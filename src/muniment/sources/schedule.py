"""When a source is fetched again."""

import zlib
from datetime import timedelta
from typing import Final
from uuid import UUID

from muniment.sources.errors import FetchError
from muniment.sources.schemas import SHORTEST

_LONGEST_BACKOFF: Final = timedelta(days=1)
_TRIES: Final = 4
"""How often what is fetched once only is tried while the reasons are passing ones."""
_MOST_DOUBLINGS: Final = 16
_SPREAD: Final = 1000


def after_success(source_id: UUID, every: timedelta | None) -> timedelta | None:
    """Give the wait after a fetch that brought something, or that found nothing new."""
    return None if every is None else _spread(source_id, every)


def after_failure(
    source_id: UUID, every: timedelta | None, failures: int, error: FetchError
) -> timedelta | None:
    """Give the wait after as many failures in a row; None for what is not tried by itself.

    What may pass is tried again after five minutes, then after twice as long each time; the rest
    on its schedule, which doubles as well. A day is the longest wait, or the schedule's own.
    """
    if error.stops or (every is None and (not error.is_passing or failures >= _TRIES)):
        return None
    first = SHORTEST if every is None or error.is_passing else every
    doubled = first * (1 << min(failures - 1, _MOST_DOUBLINGS))
    wait = min(doubled, max(_LONGEST_BACKOFF, every or _LONGEST_BACKOFF))
    return _spread(source_id, max(wait, error.retry_after or timedelta(0)))


def _spread(source_id: UUID, wait: timedelta) -> timedelta:
    """Prolong a wait by up to a tenth, by the id, so that not all is fetched at once."""
    return wait + wait * (zlib.crc32(source_id.bytes) % _SPREAD) / _SPREAD / 10
