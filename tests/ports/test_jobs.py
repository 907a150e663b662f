from uuid import UUID

from muniment.ports.jobs import (
    INGEST_DOCUMENT,
    PURGE_DOCUMENT,
    PURGE_ORIGINAL,
    UNTIL_DONE,
    document_ingestion,
    document_purge,
    original_purge,
)

DOCUMENT = UUID("01981f2e-5c6a-7d1f-8a3b-2f6f0c1d9e77")


class TestNewJobs:
    def test_say_what_they_are_about_in_values_that_json_keeps(self) -> None:
        ingestion = document_ingestion(7, DOCUMENT, 3)
        assert (ingestion.tenant_id, ingestion.kind) == (7, INGEST_DOCUMENT)
        assert ingestion.payload == {"document_id": str(DOCUMENT), "version": 3}
        purge = document_purge(7, DOCUMENT)
        assert (purge.tenant_id, purge.kind) == (7, PURGE_DOCUMENT)
        assert purge.payload == {"document_id": str(DOCUMENT)}
        removal = original_purge(7, "ab" * 16)
        assert (removal.tenant_id, removal.kind) == (7, PURGE_ORIGINAL)
        assert removal.payload == {"key": "ab" * 16}

    def test_about_different_things_have_different_keys(self) -> None:
        others = (UUID(int=1), UUID(int=2))
        versions = {document_ingestion(1, one, version).key for one in others for version in (1, 2)}
        assert len(versions) == 4
        assert document_purge(1, others[0]).key != document_purge(1, others[1]).key

    def test_that_remove_what_was_deleted_are_never_given_up(self) -> None:
        assert document_purge(1, DOCUMENT).max_attempts == UNTIL_DONE
        assert original_purge(1, "k").max_attempts == UNTIL_DONE

    def test_that_read_a_document_are_given_up_soon(self) -> None:
        assert document_ingestion(1, DOCUMENT, 1).max_attempts == 3
