"""Looks for what lost its other half: files without rows, rows without files, index without chunks.

No crash leaves any of them (an original is named by a row before it is stored, and the index goes
with its chunks). What does: a restored backup, a lost disk, a hand in the folder. A file is looked
up when it is older than any upload; a row that speaks of it hides it, in whichever tenant.

A database cannot tell whether the folder is its own alone: one that was restored to last week, or a
second one on the same folder, takes the uploads of the other for nobody's. So what nobody looks
after changes nothing that cannot be made again: it removes index rows, clears documents whose file
is back, and tells the rest. A person who knows the folder asks for more (`muniment doctor --mend`),
and has to say it twice where half of what is there would go.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from muniment.ingestion.orphan_repository import (
    OrphanRepository,
    StoredVersion,
    hold_scan,
    list_tenants,
)
from muniment.ports.originals import Originals
from muniment.postgres.unit_of_work import Scope, Transactions

_log = structlog.get_logger(__name__)

REMEMBERED: Final = 10_000
"""Named at most by one scan, each way; the rest is counted, and the next scan names it."""
_TOLD: Final = 20


@dataclass(slots=True)
class Orphans:
    """What a scan has found: counted in full, named as far as is remembered."""

    files: int = 0
    """Files that were looked at."""
    versions: int = 0
    """Newest versions whose files were looked for."""
    stray_count: int = 0
    strays: list[str] = field(default_factory=list)
    """Keys of files that no row speaks of."""
    missing_count: int = 0
    missing: list[StoredVersion] = field(default_factory=list)
    """Newest versions whose file is not there."""
    returned: list[StoredVersion] = field(default_factory=list)
    """Versions that are told to have no file, and have one."""
    index_rows: int = 0
    """Rows of the index whose chunk is gone."""

    @property
    def has_losses(self) -> bool:
        """Tell whether files or rows lost their other half."""
        return bool(self.stray_count or self.missing_count)

    @property
    def is_plausible(self) -> bool:
        """Tell whether folder and database seem to belong together: less than half is amiss."""
        return _is_less_than_half(self.stray_count, self.files) and _is_less_than_half(
            self.missing_count, self.versions
        )

    def add_strays(self, keys: list[str]) -> None:
        """Count some, and remember what there is room for."""
        self.stray_count += len(keys)
        self.strays += keys[: REMEMBERED - len(self.strays)]

    def add_missing(self, versions: list[StoredVersion]) -> None:
        """Count some, and remember what there is room for."""
        self.missing_count += len(versions)
        self.missing += versions[: REMEMBERED - len(self.missing)]


class OrphanScan:
    """Finds orphans and mends them, as the worker role. May run anywhere, beside anything."""

    def __init__(self, transactions: Transactions, originals: Originals, grace: timedelta) -> None:
        self._transactions = transactions
        self._originals = originals
        self._grace = grace

    async def watch(self) -> None:
        """Look, mend what costs nobody anything, and say in the log what a person should know.

        Nothing where another worker looks just now.
        """
        # Open for as long as the scan takes, for the lock alone. It reads nothing afterwards, so
        # it keeps no old row alive.
        async with self._transactions.begin(None) as session:
            if not await hold_scan(session):
                return
            found = await self.look()
            await self.heal(found)
        if found.has_losses:
            _log.warning(
                "orphans_found",
                files_without_rows=found.stray_count,
                files=found.files,
                versions_without_files=found.missing_count,
                versions=found.versions,
                documents=[str(version.document_id) for version in found.missing[:_TOLD]],
                hint="left as they are; see `muniment doctor`",
            )
        if found.index_rows or found.returned:
            _log.warning(
                "orphans_mended", index_rows=found.index_rows, files_back=len(found.returned)
            )

    async def look(self) -> Orphans:
        """Find what is amiss; changes nothing. Holds few keys at a time, however many there are."""
        found = Orphans()
        async for keys in self._originals.list_keys(self._grace):
            found.files += len(keys)
            found.add_strays(await self._strays_among(keys))
        async for versions in self._versions():
            found.versions += len(versions)
            gone = await self._originals.missing([version.key for version in versions])
            found.add_missing([version for version in versions if version.key in gone])
            found.returned += [
                version
                for version in versions
                if version.is_told_missing and version.key not in gone
            ]
        async with self._transactions.begin(None) as session:
            found.index_rows = await OrphanRepository(session).index_rows(remove=False)
        return found

    async def heal(self, found: Orphans) -> None:
        """Mend what loses nothing: index rows of no chunk, and documents whose file is back."""
        for version in found.returned:
            if not await self._originals.missing([version.key]):
                async with self._transactions.begin(Scope(version.tenant_id)) as session:
                    await OrphanRepository(session).mark_returned(version)
        if found.index_rows:
            async with self._transactions.begin(None) as session:
                await OrphanRepository(session).index_rows(remove=True)

    async def mend(self, found: Orphans) -> None:
        """Remove files that nobody can reach, and mark the documents whose file is gone.

        Only for a person who asked for it. Everything is asked again before, since a scan takes
        its time.
        """
        for first in range(0, len(found.strays), 1000):
            for key in await self._strays_among(found.strays[first : first + 1000]):
                await self._originals.delete(key)
        for version in found.missing:
            if await self._originals.missing([version.key]):
                async with self._transactions.begin(Scope(version.tenant_id)) as session:
                    await OrphanRepository(session).mark_missing(version)

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
                    versions = await OrphanRepository(session).list_versions(tenant_id, after)
                if not versions:
                    break
                yield versions
                after = (versions[-1].document_id, versions[-1].number)


def _is_less_than_half(amiss: int, there: int) -> bool:
    return not amiss or 2 * amiss < there
