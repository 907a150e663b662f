"""The doctor's look at files without rows, rows without files, and an index without chunks."""

from dataclasses import dataclass

from muniment.app.settings import Settings
from muniment.ingestion.orphans import Orphans, OrphanScan
from muniment.kit.errors import ConfigurationError
from muniment.kit.plugins import load_plugin
from muniment.ports.originals import ORIGINALS
from muniment.postgres.engine import DatabaseUrls, create_engine
from muniment.postgres.unit_of_work import Transactions

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Mending:
    """Whether what lost its other half is put right, and even where that is half of everything."""

    asked: bool = False
    believed: bool = False


ONLY_LOOK = Mending()


async def check_orphans(settings: Settings, urls: DatabaseUrls, mending: Mending) -> None:
    """Say what lost its other half, and mend it if that is wanted. Raises ConfigurationError.

    What was mended is no problem any more, but for documents whose file is gone: they are marked,
    and only a person who has the file can help.
    """
    originals = load_plugin(ORIGINALS, "filesystem", {"root": str(settings.data_dir / "originals")})
    engine = create_engine(urls.worker, settings.database, application="muniment-doctor")
    mends = False
    try:
        scan = OrphanScan(Transactions(engine), originals, settings.uploads.abandoned_after)
        found = await scan.look()
        if mending.asked:
            await scan.heal(found)
            mends = found.is_plausible or mending.believed
        if mends:
            await scan.mend(found)
    finally:
        await engine.dispose()
    parts = list(_told(found, mends=mends, heals=mending.asked))
    if parts:
        hint = _hint(found, mends=mends)
        raise ConfigurationError(f"There are {'; '.join(parts)}.", hint=hint)


def _told(found: Orphans, *, mends: bool, heals: bool) -> list[str]:
    parts = []
    left = found.stray_count - len(found.strays) if mends else found.stray_count
    if left:
        parts.append(f"stored files that no row speaks of: {left} of {found.files}")
    if found.missing_count:
        named = ", ".join(str(version.document_id) for version in found.missing[:_NAMED])
        parts.append(
            "documents whose newest file is gone:"
            f" {found.missing_count} of {found.versions}, such as {named}"
        )
    if found.returned and not heals:
        parts.append(f"documents whose missing file is back: {len(found.returned)}")
    if found.index_rows and not heals:
        parts.append(f"rows of the index whose chunk is gone: {found.index_rows}")
    return parts


def _hint(found: Orphans, *, mends: bool) -> str:
    if mends:
        if found.stray_count > len(found.strays) or found.missing_count > len(found.missing):
            return "That is more than one look mends: run it again."
        return "These documents say so in their error; upload the files again, or delete them."
    if not found.is_plausible:
        return (
            "That is half or more, so files and documents are left as they are. Does this folder"
            " belong to this database, and to no other? If so, `muniment doctor --mend-all` removes"
            " those files for good and marks those documents."
        )
    if found.stray_count:
        return (
            "`muniment doctor --mend` removes those files for good. Do not, if another database"
            " uses this folder, or if this one was restored and has yet to get newer rows back."
        )
    return "`muniment doctor --mend` puts it right."
