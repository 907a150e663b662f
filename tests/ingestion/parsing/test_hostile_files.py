"""Whatever a file holds, it ends as a document or as a failure with a reason, within the limits.

All of it goes through the real child. None may end by the limits of the child on time and memory:
those are the last resort.
"""

from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import uvloop

from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ports.media_types import HEAD_BYTES, media_type_for
from muniment.ports.parsing import ParsedDocument, ParseError
from tests.ingestion.parsing.garbage import GARBAGE, READY, SENTENCE, Garbage
from tests.support.samples import SAMPLES, Sample

VIOLENT = ("noise-council.pptx", "bomb-tolls.xlsx", "flipped.pdf", "deep.json", "nested.eml")


async def read(pool: ParserPool, path: Path) -> ParsedDocument | ParseError:
    with path.open("rb") as stream:
        media_type = media_type_for(path.name, None, stream.read(HEAD_BYTES))
    try:
        return await pool.parse(path, media_type)
    except ParseError as error:
        return error


def children() -> list[int]:
    found = psutil.Process().children(recursive=True)
    return [each.pid for each in found if "muniment.ingestion.parsing.child" in each.cmdline()]


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


@pytest.fixture
def garbage(request: pytest.FixtureRequest, tmp_path: Path) -> Garbage:
    """Write the file before any event loop is watched for what blocks it."""
    found: Garbage = request.param
    found.write(tmp_path / found.name)
    return found


class TestGarbage:
    @pytest.mark.parametrize("garbage", GARBAGE, ids=[row.name for row in GARBAGE], indirect=True)
    async def test_ends_as_a_document_or_with_a_reason_and_the_pool_goes_on(
        self, pool: ParserPool, tmp_path: Path, garbage: Garbage
    ) -> None:
        outcome = await read(pool, tmp_path / garbage.name)
        if isinstance(outcome, ParseError):
            assert outcome.code in garbage.ends, outcome.detail
            assert outcome.detail.endswith(".")
        else:
            assert READY in garbage.ends
            assert outcome.text.strip()
            assert "root:" not in outcome.text
        assert names_in(tmp_path) == [garbage.name]
        (tmp_path / "good.txt").write_text("still here")
        assert (await pool.parse(tmp_path / "good.txt", "text/plain")).text == "still here"

    async def test_leaves_no_child_behind(self, tmp_path: Path) -> None:
        before = set(children())
        pool = ParserPool(ParsingSettings(time_limit=timedelta(seconds=20)))
        for garbage in GARBAGE:
            if garbage.name in VIOLENT:
                garbage.write(tmp_path / garbage.name)
                await read(pool, tmp_path / garbage.name)
        assert set(children()) > before
        await pool.close()
        assert set(children()) == before

    @pytest.mark.slow
    async def test_fifty_megabytes_of_text_are_a_document(
        self, pool: ParserPool, tmp_path: Path
    ) -> None:
        text = SENTENCE * (50 * 2**20 // len(SENTENCE))
        (tmp_path / "big.txt").write_text(text)
        outcome = await read(pool, tmp_path / "big.txt")
        assert isinstance(outcome, ParsedDocument)
        assert outcome.text == text


class TestGoodFiles:
    @pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES.keys())
    async def test_the_installed_parsers_read_every_format(
        self, pool: ParserPool, tmp_path: Path, sample: Sample
    ) -> None:
        sample.write(tmp_path / sample.name)
        parsed = await read(pool, tmp_path / sample.name)
        assert isinstance(parsed, ParsedDocument)
        assert sample.words in parsed.text
        assert all(parsed.text[h.start : h.end].strip() for h in parsed.headings)

    async def test_offers_the_installed_formats(self, pool: ParserPool) -> None:
        offer = await pool.offer()
        assert {media_type_for(sample.name) for sample in SAMPLES.values()} <= {*offer.media_types}
        assert "kreuzberg-4." in offer.revision

    def test_the_pool_works_under_uvloop(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_text("text")

        async def read() -> str:
            pool = ParserPool(ParsingSettings())
            parsed = await pool.parse(path, "text/plain")
            await pool.close()
            return parsed.text

        assert uvloop.run(read()) == "text"
