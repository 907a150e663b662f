"""The scan for what lost its other half, in both directions, and beside uploads in flight."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from muniment.ingestion.orphan_repository import OrphanRepository, hold_scan
from muniment.ingestion.orphans import OrphanScan
from muniment.ingestion.worker import Worker
from muniment.library.service.intake import Intake
from muniment.ports.jobs import original_purge
from muniment.postgres.unit_of_work import Scope
from tests.ingestion.test_tasks import LEAVE, finished
from tests.support.database import TestDatabase
from tests.support.fake_originals import FakeOriginals
from tests.support.library_rows import LibraryRows
from tests.support.wall_rows import add_library

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
    async def test_are_removed_where_a_person_asks_and_nothing_else(
        self, scan: OrphanScan, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        before = dict(originals.files)
        stray = originals.add(b"nobody knows me").key
        young = originals.add(b"just now").key
        originals.young.add(young)
        found = await scan.look()
        assert (found.strays, found.files) == ([stray], len(kept) + 1)
        assert found.is_plausible
        assert stray in originals.files
        await scan.mend(found)
        assert originals.files.keys() == {*before, young}

    async def test_are_left_where_nobody_asks(
        self, scan: OrphanScan, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        """As after a restore: what was uploaded since is nobody's, and only for this database."""
        stray = originals.add(b"uploaded after the backup").key
        with capture_logs() as log:
            await scan.watch()
        assert stray in originals.files
        [told] = [entry for entry in log if entry["event"] == "orphans_found"]
        assert (told["files_without_rows"], told["files"]) == (1, len(kept) + 1)
        assert (told["versions_without_files"], told["versions"]) == (0, len(kept))

    async def test_are_counted_beyond_what_is_remembered(
        self,
        scan: OrphanScan,
        kept: list[UUID],
        originals: FakeOriginals,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Else a folder of very many strange files would look as if few were amiss."""
        monkeypatch.setattr("muniment.ingestion.orphans.REMEMBERED", 2)
        for _ in range(len(kept)):
            originals.add(b"of another database")
        found = await scan.look()
        assert (len(found.strays), found.stray_count) == (2, len(kept))
        assert not found.is_plausible

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
        await scan.mend(await scan.look())
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
        assert not (await scan.look()).has_losses


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
        await scan.watch()
        untouched = await library.document(kept[0])
        assert untouched is not None
        assert untouched.status == "ready"
        found = await scan.look()
        assert [version.document_id for version in found.missing] == [kept[0]]
        await scan.mend(found)
        document = await library.document(kept[0])
        assert document is not None
        assert (document.status, document.error_code) == ("failed", "original_missing")
        assert document.ready_version == 1
        assert len(await library.chunks(kept[0])) == 1
        others = [await library.document(each) for each in kept[1:]]
        assert {each.status for each in others if each is not None} == {"ready"}

    async def test_of_an_older_version_are_no_loss(
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
        found = await scan.look()
        assert not found.has_losses
        assert found.versions == len(kept)

    async def test_are_not_believed_where_half_of_the_files_are_gone(
        self, scan: OrphanScan, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        """As with a disk that is not there just now."""
        assert kept
        for key in list(originals.files)[: len(kept) // 2]:
            del originals.files[key]
        assert not (await scan.look()).is_plausible

    async def test_are_forgiven_when_the_file_is_back(
        self, scan: OrphanScan, library: LibraryRows, kept: list[UUID], originals: FakeOriginals
    ) -> None:
        lost = await library.version(kept[0], 1)
        assert lost is not None
        content = originals.files.pop(lost.original_key)
        await scan.mend(await scan.look())
        await scan.watch()
        marked = await library.document(kept[0])
        assert marked is not None
        assert marked.error_code == "original_missing"
        originals.add(content, lost.original_key)
        await scan.watch()
        document = await library.document(kept[0])
        assert document is not None
        assert (document.status, document.progress) == ("ready", 1.0)
        assert (document.error_code, document.error_detail) == (None, None)
        assert (await scan.look()).returned == []

    async def test_stay_marked_where_searches_find_only_an_older_version(
        self,
        scan: OrphanScan,
        library: LibraryRows,
        worker: Worker,
        kept: list[UUID],
        originals: FakeOriginals,
    ) -> None:
        await library.change(kept[0], b"Thirty-two days.", 2)
        lost = await library.version(kept[0], 2)
        assert lost is not None
        content = originals.files.pop(lost.original_key)
        await finished(library, worker, kept[0])
        originals.add(content, lost.original_key)
        await scan.watch()
        document = await library.document(kept[0])
        assert document is not None
        assert (document.status, document.error_code) == ("failed", "original_missing")

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
        await scan.watch()
        assert (await scan.look()).index_rows == 0
        assert await library.count("chunk_vector") == await library.count("chunk_lex") == 3


class TestVersions:
    async def test_of_other_tenants_are_not_read_through(
        self, kept: list[UUID], library: LibraryRows, database: TestDatabase
    ) -> None:
        async with database.owner.begin() as owner:
            other = await add_library(owner, library.tenant_id + 1)
            await owner.execute(
                text(
                    "insert into document (id, tenant_id, collection_id, name, media_type,"
                    " created_by, bytes, revision) select gen_random_uuid(), :tenant, :collection,"
                    " 'n', 'text/plain', :account, 1, 1 from generate_series(1, 3000)"
                ),
                {
                    "tenant": other.tenant,
                    "collection": other.collection,
                    "account": other.account,
                },
            )
            await owner.execute(
                text(
                    "insert into document_version (document_id, number, tenant_id, media_type,"
                    " bytes, sha256, original_key, created_by) select id, 1, tenant_id,"
                    " 'text/plain', 1, '', 'k' || id, created_by from document"
                    " where tenant_id = :tenant"
                ),
                {"tenant": other.tenant},
            )
            await owner.execute(text("analyze document, document_version"))
        counted = text(
            "select sum(seq_tup_read + idx_tup_fetch)::int from pg_stat_xact_user_tables"
            " where relname in ('document', 'document_version')"
        )
        async with database.worker.begin(Scope(library.tenant_id)) as session:
            # The connection may not have handed in yet what it counted for others.
            before = int(await session.scalar(counted) or 0)
            found = await OrphanRepository(session).list_versions(
                library.tenant_id, (UUID(int=0), 0)
            )
            read = int(await session.scalar(counted) or 0) - before
        assert [version.document_id for version in found] == sorted(kept)
        assert read < 100


class TestSeveralWorkers:
    async def test_do_not_look_at_the_same_time(
        self, scan: OrphanScan, kept: list[UUID], originals: FakeOriginals, database: TestDatabase
    ) -> None:
        assert kept
        originals.add(b"nobody knows me")
        async with database.worker.begin(None) as another:
            assert await hold_scan(another)
            with capture_logs() as log:
                await scan.watch()
            assert log == []
        with capture_logs() as log:
            await scan.watch()
        assert [entry["event"] for entry in log] == ["orphans_found"]
