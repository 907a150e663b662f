"""Warm child processes that read documents, a bounded number at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from muniment.ingestion.parsing.process import ParserProcess
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.parsing.wire import ParserOffer, ParserSelection
from muniment.ports.parsing import ParsedDocument


class ParserPool:
    """Reads documents in children that can be killed; whatever a file does, the caller lives.

    Children start with the first documents and stay warm, since loading the parsers costs more
    than reading a usual document. One that failed, grew or is old is replaced.
    """

    def __init__(self, settings: ParsingSettings, parsers: ParserSelection | None = None) -> None:
        self._settings = settings
        self._parsers = parsers or ParserSelection()
        self._slots = asyncio.Semaphore(settings.children)
        self._idle: list[ParserProcess] = []
        self._busy: set[ParserProcess] = set()
        self._is_closed = False

    async def parse(self, path: Path, media_type: str) -> ParsedDocument:
        """Read a document. Raises ParseError, and ParsersUnavailableError when nothing can."""
        async with self._child() as child:
            return await child.parse(path, media_type)

    async def offer(self) -> ParserOffer:
        """Tell which media types can be read, and the revision of the parsers together."""
        async with self._child() as child:
            return child.ready

    async def close(self) -> None:
        """Kill every child; documents that are being read fail as `parser_crashed`."""
        self._is_closed = True
        children = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(child.stop() for child in children))

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[ParserProcess]:
        async with self._slots:
            child = await self._take()
            self._busy.add(child)
            try:
                yield child
            finally:
                self._busy.discard(child)
                await self._put_back(child)

    async def _take(self) -> ParserProcess:
        if self._is_closed:
            raise RuntimeError("the parser pool is closed")
        while self._idle:
            child = self._idle.pop()
            if not child.is_spent:
                return child
            await child.stop()
        return await ParserProcess.start(self._settings, self._parsers)

    async def _put_back(self, child: ParserProcess) -> None:
        if child.is_spent or self._is_closed:
            await child.stop()
        else:
            self._idle.append(child)
