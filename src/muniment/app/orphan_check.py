"""The doctor's look at files without rows, rows without files, and an index without chunks."""

from muniment.app.settings import Settings
from muniment.ingestion.orphans import Orphans, OrphanScan
from muniment.kit.errors import ConfigurationError
from muniment.kit.plugins import load_plugin
from muniment.ports.originals import ORIGINALS
from muniment.postgres.engine import DatabaseUrls, create_engine
from muniment.postgres.unit_of_work import Transactions

_NAMED = 3


async def check_orphans(settings: Settings, urls: DatabaseUrls, *, mend: bool) -> None:
    """Say what lost its other half, and mend it if that is wanted. Raises ConfigurationError.

    What was mended is no problem any more, but for documents whose file is gone: they are marked,
    and only a person who has the file can help.
    """
    originals = load_plugin(ORIGINALS, "filesystem", {"root": str(settings.data_dir / "originals")})
    engine = create_engine(urls.worker, settings.database, application="muniment-doctor")
    try:
        scan = OrphanScan(Transactions(engine), originals, settings.uploads.abandoned_after)
        found = await scan.look()
        if mend:
            await scan.mend(found)
    finally:
        await engine.dispose()
    parts = list(_told(found, mended=mend))
    if parts:
        raise ConfigurationError(f"There are {'; '.join(parts)}.", hint=_hint(found, mended=mend))


def _told(found: Orphans, *, mended: bool) -> list[str]:
    parts = []
    if found.strays and not mended:
        parts.append(f"stored files that no row speaks of: {len(found.strays)}")
    if found.missing:
        named = ", ".join(str(version.document_id) for version in found.missing[:_NAMED])
        parts.append(f"versions whose file is gone: {len(found.missing)}, such as of {named}")
    if found.index_rows and not mended:
        parts.append(f"rows of the index whose chunk is gone: {found.index_rows}")
    return parts


def _hint(found: Orphans, *, mended: bool) -> str:
    if mended:
        return "These documents say so in their error; upload the files again, or delete them."
    if not found.is_plausible:
        return (
            "That is more than half. Does this folder belong to this database?"
            " If it does, `muniment doctor --mend` tidies up."
        )
    return "`muniment doctor --mend` tidies up; a worker that runs for a day does so by itself."
