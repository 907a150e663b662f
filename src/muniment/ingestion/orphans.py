"""Looks for what lost its other half: files without rows, rows without files, index without chunks.

No crash leaves any of them (an original is named by a row before it is stored, and the index goes
with its chunks). What does: a restored backup, a lost disk, a hand in the folder. A file is looked
up when it is older than any upload; a row that speaks of it hides it, in whichever tenant.

Whoever connects the wrong database to a folder would lose all of it, so the chore believes its eyes
only if less than half of what it sees is amiss. Beyond that a person has to say so.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from muniment.ingestion.orphan_repository import OrphanRepository, StoredVersion, list_tenants
from muniment.ports.originals import Originals
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)

_REMEMBERED: Final = 10_000
"""Found at most in one scan, each way; what is more, the next scan finds."""
_TOLD: Final = 20


@dataclass(slots=True)
class Orphans:
    """What a scan has found."""

    files: int = 0
    """Files that were looked at."""
    versions: int = 0
    """Versions whose files were looked for."""
    strays: list[str] = field(default_factory=list)
    """Keys of files that no row speaks of."""
    missing: list[StoredVersion] = field(default_factory=list)
    """Versions whose file is not there."""
    index_rows: int = 0
    """Rows of the index whose chunk is gone."""

    @property
    def has_any(self) -> bool:
        """Tell whether anything is amiss."""
        return bool(self.strays or self.missing or self.index_rows)

    @property
    def is_plausible(self) -> bool:
        """Tell whether folder and database seem to belong together."""
        return 2 * len(self.strays) <= self.files and 2 * len(self.missing) <= self.versions


class OrphanScan:
    """Finds orphans and mends them, as the worker role. May run anywhere, beside anything."""

    def __init__(self, transactions: Transactions, originals: Originals, grace: timedelta) -> None:
        self._transactions = transactions
        self._originals = originals
        self._grace = grace

    async def tidy(self) -> None:
        """Look and mend what is plausible; say in the log what a person should know."""
        found = await self.look()
        if not found.has_any:
            return
        told = [str(version.document_id) for version in found.missing[:_TOLD]]
        log = _log.bind(
            files_without_rows=len(found.strays),
            versions_without_files=len(found.missing),
            index_rows=found.index_rows,
            documents=told,
        )
        if not found.is_plausible:
            log.error("orphans_left_as_they_are", hint="see `muniment doctor`")
            return
        await self.mend(found)
        log.warning("orphans_mended")

    async def look(self) -> Orphans:
        """Find what is amiss; changes nothing. Holds few keys at a time, however many there are."""
        found = Orphans()
        async for keys in self._originals.list_keys(self._grace):
            found.files += len(keys)
            if len(found.strays) < _REMEMBERED:
                found.strays += await self._strays_among(keys)
        async for versions in self._versions():
            found.versions += len(versions)
            if len(found.missing) < _REMEMBERED:
                gone = await self._originals.missing([version.key for version in versions])
                found.missing += [version for version in versions if version.key in gone]
        async with self._transactions.begin(None) as session:
            found.index_rows = await OrphanRepository(session).index_rows(remove=False)
        return found

    async def mend(self, found: Orphans) -> None:
        """Remove files and rows that nobody can reach; mark the documents whose file is gone.

        Everything is asked again before, since a scan takes its time.
        """
        for first in range(0, len(found.strays), 1000):
            for key in await self._strays_among(found.strays[first : first + 1000]):
                await self._originals.delete(key)
        for version in found.missing:
            if await self._originals.missing([version.key]):
                async with self._transactions.begin(Scope(version.tenant_id)) as session:
                    await OrphanRepository(session).mark_missing(version)
        if found.index_rows:
            async with self._transactions.begin(None) as session:
                await OrphanRepository(session).index_rows(remove=True)

    async def _strays_among(self, keys: list[str]) -> list[str]:
        async with self._transactions.begin(None) as session:
            return await OrphanRepository(session).stray_keys(keys)

    async def _versions(self) -> AsyncIterator[list[StoredVersion]]:
        async with self._transactions.begin(None) as session:
            tenants = await list_tenants(session)
        for tenant_id in tenants:
            after = (UUID(int=0), 0)
            while True:
                async with self._transactions.begin(Scope(tenant_id)) as session:
                    versions = await OrphanRepository(session).list_versions(after)
                if not versions:
                    break
                yield versions
                after = (versions[-1].document_id, versions[-1].number)
