"""Hearing NOTIFY: a connection of its own that listens, and comes back when it is cut."""

import asyncio
from typing import Final

import asyncpg
import structlog
from pydantic import SecretStr

from muniment.postgres.engine import connect_arguments
from muniment.postgres.prepared import AWAY

_PAUSE_S: Final = 1.0
_CONNECT_TIMEOUT_S: Final = 10
_log = structlog.get_logger(__name__)


class Doorbell:
    """Sets `rung` whenever somebody notifies on a channel.

    Nobody may rely on it: what is notified while the connection is away is lost. It makes a poll
    come sooner, and nothing else. Behind a pooler that lends connections by the transaction nothing
    is ever heard.
    """

    def __init__(self, address: SecretStr, channel: str) -> None:
        self._arguments = connect_arguments(address)
        self._channel = channel
        self.rung = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled; who was cut off rings once, for what may have been missed."""
        while True:
            try:
                await self._listen_once()
            except AWAY:
                _log.info("doorbell_away", channel=self._channel)
            await asyncio.sleep(_PAUSE_S)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(**self._arguments, timeout=_CONNECT_TIMEOUT_S)
        cut = asyncio.Event()
        connection.add_termination_listener(lambda _: cut.set())
        try:
            await connection.add_listener(self._channel, self._ring)
            self.rung.set()
            await cut.wait()
        finally:
            connection.terminate()

    def _ring(self, *_: object) -> None:
        self.rung.set()
