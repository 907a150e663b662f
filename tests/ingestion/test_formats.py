"""The published table of formats, row by row: what it says is kept arrives in the index."""

from pathlib import Path

import pytest

from muniment.app.format_facts import FORMATS, FormatFacts, Pages, Tables
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.shelf import PARSERS
from muniment.ingestion.worker import Worker
from muniment.kit.plugins import list_plugins
from muniment.ports.media_types import HEAD_BYTES, media_type_for
from tests.support.library_rows import LibraryRows
from tests.support.samples import SAMPLES


def test_every_installed_parser_has_a_row_and_a_sample() -> None:
    assert tuple(facts.plugin for facts in FORMATS) == list_plugins(PARSERS)
    assert SAMPLES.keys() == {facts.plugin for facts in FORMATS}


@pytest.mark.parametrize("facts", FORMATS, ids=[facts.plugin for facts in FORMATS])
class TestEachFormat:
    async def test_is_ingested_with_all_that_the_table_promises(
        self,
        facts: FormatFacts,
        library: LibraryRows,
        worker: Worker,
        parsers: ParserPool,
        tmp_path: Path,
    ) -> None:
        sample = SAMPLES[facts.plugin]
        path = tmp_path / sample.name
        sample.write(path)
        content = path.read_bytes()
        media_type = media_type_for(sample.name, None, content[:HEAD_BYTES])
        assert media_type in (await parsers.offer()).media_types

        document_id = await library.upload(content, name=sample.name, media_type=media_type)
        while await worker.run_one():
            pass

        document = await library.document(document_id)
        version = await library.version(document_id, 1)
        chunks = await library.chunks(document_id)
        assert document is not None
        assert version is not None
        assert (document.status, document.error_code) == ("ready", None)
        text = version.text or ""
        assert sample.words in text
        assert any(sample.words in chunk.text for chunk in chunks)
        parsed = await parsers.parse(path, media_type)
        assert parsed.text == text
        assert bool(parsed.headings) == bool(facts.headings)
        assert bool(version.page_starts) == (facts.pages is not Pages.NONE)
        assert (facts.tables is not Tables.NONE) == bool(sample.row)
        assert sample.row in text

    def test_writes_rows_as_it_says(self, facts: FormatFacts) -> None:
        row = SAMPLES[facts.plugin].row
        assert (": " in row) == (facts.tables is Tables.NAMED)
        assert ("\t" in row) == (facts.tables is Tables.CELLS)
