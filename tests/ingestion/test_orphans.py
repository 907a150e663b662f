"""The scan for what lost its other half, in both directions, and beside uploads in flight."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from muniment.ingestion.orphans import OrphanScan
from muniment.ingestion.worker import Worker
from muniment.library.service.intake import Intake
from muniment.ports.jobs import original_purge
from muniment.postgres.unit_of_work import Scope
from tests.ingestion.test_tasks import LEAVE, finished
from tests.support.database import TestDatabase
from tests.support.fake_originals import FakeOriginals
from tests.support.library_rows import LibraryRows

GRACE = timedelta(hours=24)


@pytest.fixture
def scan(database: TestDatabase, originals: FakeOriginals) -> OrphanScan:
    return OrphanScan(database.worker, originals, GRACE)


@pytest.fixture
async def kept(library: LibraryRows, worker: Worker) -> list[UUID]:
    """Documents that are whole."""
    documents = [await library.upload(LEAVE, name=f"{number}.txt") for number in range(4)]
    for document in documents:
        await finished(library, worker, document)
    return documents


class TestFilesWithoutRows:
    async def test_are_removed_and_nothing_else(
        self, scan: OrphanScan, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        before = dict(originals.files)
        stray = originals.add(b"nobody knows me").key
        young = originals.add(b"just now").key
        originals.young.add(young)
        found = await scan.look()
        assert (found.strays, found.files) == ([stray], len(kept) + 1)
        assert stray in originals.files
        await scan.tidy()
        assert originals.files.keys() == {*before, young}

    async def test_are_none_while_an_upload_is_in_flight(
        self,
        scan: OrphanScan,
        library: LibraryRows,
        kept: list[UUID],
        database: TestDatabase,
        originals: FakeOriginals,
    ) -> None:
        """However old its file is: its row was there before."""
        assert kept
        intake = Intake(database.serving, originals)
        scope = Scope(library.tenant_id, frozenset({"everyone"}))
        [key] = await intake.write_down(scope, 1)
        originals.add(b"on its way", key)
        await scan.tidy()
        assert key in originals.files

    async def test_are_none_where_a_removal_waits(
        self, scan: OrphanScan, library: LibraryRows, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        assert kept
        key = originals.add(b"deleted").key
        await library.enqueue(original_purge(library.tenant_id, key))
        assert (await scan.look()).strays == []

    async def test_of_other_tenants_are_not_taken_for_nobodys(
        self, scan: OrphanScan, kept: list[UUID], database: TestDatabase
    ) -> None:
        assert kept
        async with database.owner.begin() as owner:
            await owner.execute(text("insert into tenant (name) values ('another')"))
        assert not (await scan.look()).has_any

    async def test_are_left_where_folder_and_database_do_not_belong_together(
        self, scan: OrphanScan, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        strays = {originals.add(b"of another database").key for _ in range(len(kept) + 1)}
        await scan.tidy()
        assert strays <= originals.files.keys()
        await scan.mend(await scan.look())
        assert not strays & originals.files.keys()
        assert len(originals.files) == len(kept)


class TestRowsWithoutFiles:
    async def test_mark_the_document_and_leave_it_findable(
        self,
        scan: OrphanScan,
        library: LibraryRows,
        kept: list[UUID],
        originals: FakeOriginals,
    ) -> None:
        lost = await library.version(kept[0], 1)
        assert lost is not None
        del originals.files[lost.original_key]
        found = await scan.look()
        assert [version.document_id for version in found.missing] == [kept[0]]
        await scan.tidy()
        document = await library.document(kept[0])
        assert document is not None
        assert (document.status, document.error_code) == ("failed", "original_missing")
        assert document.ready_version == 1
        assert len(await library.chunks(kept[0])) == 1
        others = [await library.document(each) for each in kept[1:]]
        assert {each.status for each in others if each is not None} == {"ready"}

    async def test_of_an_older_version_are_told_and_change_nothing(
        self,
        scan: OrphanScan,
        library: LibraryRows,
        worker: Worker,
        kept: list[UUID],
        originals: FakeOriginals,
    ) -> None:
        await library.change(kept[0], b"Thirty-two days.", 2)
        await finished(library, worker, kept[0])
        lost = await library.version(kept[0], 1)
        assert lost is not None
        del originals.files[lost.original_key]
        assert len((await scan.look()).missing) == 1
        await scan.tidy()
        document = await library.document(kept[0])
        assert document is not None
        assert document.status == "ready"

    async def test_mark_nothing_where_most_files_are_gone(
        self, scan: OrphanScan, library: LibraryRows, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        """As with a disk that is not there just now."""
        originals.files.clear()
        await scan.tidy()
        document = await library.document(kept[0])
        assert document is not None
        assert document.status == "ready"

    async def test_of_deleted_documents_are_no_business_of_anybody(
        self, scan: OrphanScan, library: LibraryRows, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        lost = await library.version(kept[0], 1)
        assert lost is not None
        del originals.files[lost.original_key]
        await library.delete(kept[0])
        assert (await scan.look()).missing == []


class TestIndexWithoutChunks:
    async def test_is_removed(
        self, scan: OrphanScan, library: LibraryRows, kept: list[UUID], database: TestDatabase
    ) -> None:
        async with database.owner.begin() as owner:
            await owner.execute(text("delete from chunk where document_id = :id"), {"id": kept[0]})
        assert (await scan.look()).index_rows == 2
        await scan.tidy()
        assert (await scan.look()).index_rows == 0
        assert await library.count("chunk_vector") == await library.count("chunk_lex") == 3
