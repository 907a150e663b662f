"""Looks after a running server, and has it started again when it dies.

A main process dies by kill -9, by the killer of a system without memory, or because somebody
stopped it by hand. Whoever is attached would otherwise miss it until the next start of the product.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from muniment.postgres.embedded.errors import EmbeddedPostgresError
from muniment.postgres.embedded.server import Server

_log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 60.0
_STEADY_S = 60.0


class Pauses:
    """How long to wait before each start: longer and longer while the server keeps dying."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._back_since = now()
        self._next_s = _FIRST_PAUSE_S

    def note_back(self) -> None:
        """Note that the server runs again."""
        self._back_since = self._now()

    def note_gone(self) -> None:
        """Note that it has died; one that ran for a while had overcome what killed it before."""
        if self._now() - self._back_since > _STEADY_S:
            self._next_s = _FIRST_PAUSE_S

    def next_s(self) -> float:
        """Give the pause before the next start; the one after it will be twice as long."""
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, _LONGEST_PAUSE_S)
        return pause_s


async def keep_running(server: Server, start_again: Callable[[], Awaitable[None]]) -> None:
    """Call `start_again` whenever the server is found dead, until cancelled.

    The log gets one line when the server is gone, one when it is back, and in between one for each
    kind of reason why it does not start.
    """
    pauses = Pauses()
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        if await _is_alive(server):
            continue
        pauses.note_gone()
        began = time.monotonic()
        _log.warning("embedded_postgres_gone", hint="It is started again.")
        await _bring_back(start_again, pauses)
        pauses.note_back()
        _log.warning("embedded_postgres_back", away_s=round(time.monotonic() - began, 1))


async def _is_alive(server: Server) -> bool:
    try:
        return await asyncio.to_thread(server.is_alive)
    except OSError:
        # Its folder cannot be looked into; what is wrong with that, the start says.
        return False


async def _bring_back(start_again: Callable[[], Awaitable[None]], pauses: Pauses) -> None:
    told: set[type[Exception]] = set()
    while True:
        await asyncio.sleep(pauses.next_s())
        try:
            await start_again()
        except Exception as error:  # noqa: BLE001 # boundary: what fails now may succeed later
            # By its kind: the last words of a server hold the time, and so never come twice.
            if type(error) not in told:
                told.add(type(error))
                reason = error.detail if isinstance(error, EmbeddedPostgresError) else repr(error)
                _log.warning("embedded_postgres_not_started", reason=reason)
        else:
            return
