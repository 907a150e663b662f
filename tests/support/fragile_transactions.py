"""Transactions on a database that is away while a test wants it to be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from muniment.postgres.unit_of_work import Scope, Transactions


class FragileTransactions(Transactions):
    """Opens transactions like those it was made of, or fails as if no server listened."""

    def __init__(self, sound: Transactions) -> None:
        self._sound = sound
        self.trouble: Exception | None = None
        self.refused = 0
        """How many transactions could not be opened."""

    @asynccontextmanager
    @override
    async def begin(self, scope: Scope | None) -> AsyncIterator[AsyncSession]:
        """Open a transaction, unless there is trouble."""
        if self.trouble is not None:
            self.refused += 1
            raise self.trouble
        async with self._sound.begin(scope) as session:
            yield session
