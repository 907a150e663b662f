"""From a parsed document to chunks: titles, languages, offsets, batches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.index.terms import tenant_salt, term_id
from muniment.ingestion.pipeline import LONGEST_TITLE, Pipeline, title_from_name
from muniment.ports.parsing import Heading, ParsedDocument

GERMAN = "Die Verträge werden von den Leitungen der Häuser geprüft und dann unterschrieben."
TEXTS = st.lists(
    st.sampled_from(
        ["Boats sail at noon. ", "\n\n", "漢字の船。", "\U0001f6a2\u200d\U0001f525", "word " * 90]
    )
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    max_size=12,
).map("".join)


class TestTitleFromName:
    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("Leave_policy-2026.pdf", "Leave policy 2026"),
            ("leave.MD", "leave"),
            ("archive.tar.gz", "archive.tar"),
            ("handbook/rules/leave.md", "leave"),
            ("handbook/rules/README", "README"),
            ("Rules v2.0", "Rules v2.0"),
            ("Rules v2.0.docx", "Rules v2.0"),
            ("Notes for Dr. Smith", "Notes for Dr. Smith"),
            ("2026.01.31", "2026.01.31"),
            ("Wait... what.txt", "Wait... what"),
            ("休暇規程.docx", "休暇規程"),
            ("إجازة.txt", "إجازة"),
            (".env", ".env"),
            ("...", "..."),
            ("_.txt", "_.txt"),
            ("-", "-"),
            ("  spaced   out .txt", "spaced out"),
        ],
    )
    def test_is_the_name_without_its_ending(self, name: str, title: str) -> None:
        assert title_from_name(name) == title

    @given(st.text(st.characters(exclude_characters="/"), min_size=1, max_size=40))
    def test_is_never_empty(self, name: str) -> None:
        assert title_from_name(name)


class TestCut:
    async def test_takes_the_title_of_the_document_before_that_of_the_file(
        self, pipeline: Pipeline
    ) -> None:
        own = await pipeline.cut(ParsedDocument("Words.", title="Leave"), "x.pdf", None)
        none = await pipeline.cut(ParsedDocument("Words."), "a/Sick_leave.pdf", None)
        assert (own.title, none.title) == ("Leave", "Sick leave")

    async def test_keeps_the_beginning_of_a_title_without_end(self, pipeline: Pipeline) -> None:
        cut = await pipeline.cut(ParsedDocument("Words.", title="Subject " * 90_000), "x.eml", None)
        assert cut.title == cut.parsed.title
        assert cut.title.startswith("Subject Subject")
        assert len(cut.title) <= LONGEST_TITLE

    async def test_takes_the_language_of_the_collection_before_that_of_the_text(
        self, pipeline: Pipeline
    ) -> None:
        said = await pipeline.cut(ParsedDocument(GERMAN), "x.txt", "sv")
        found = await pipeline.cut(ParsedDocument(GERMAN), "x.txt", None)
        unknown = await pipeline.cut(ParsedDocument("4711"), "x.txt", None)
        assert (said.language, found.language, unknown.language) == ("sv", "de", "en")

    @given(TEXTS)
    @settings(max_examples=40, deadline=None)
    async def test_makes_chunks_that_are_slices_and_cover_all_that_is_visible(
        self, pipeline: Pipeline, words: str
    ) -> None:
        cut = await pipeline.cut(ParsedDocument(words), "x.txt", "en")
        seen = 0
        for span in cut.spans:
            assert not words[seen : span.start].strip()
            assert span.start < span.end
            assert words[span.start : span.end].strip() == words[span.start : span.end]
            seen = max(seen, span.end)
        assert not words[seen:].strip()


class TestIndex:
    @pytest.mark.parametrize("batch", [1, 3, 4, 100])
    async def test_gives_every_chunk_once_in_batches(self, pipeline: Pipeline, batch: int) -> None:
        words = "\n\n".join(f"Part {n}. " + f"word{n} " * 150 for n in range(7))
        cut = await pipeline.cut(ParsedDocument(words), "x.txt", "en")
        batches = [each async for each in pipeline.index(cut, 1, batch)]
        assert [len(each) for each in batches[:-1]] == [batch] * (len(batches) - 1)
        assert 1 <= len(batches[-1]) <= batch
        chunks = [chunk for each in batches for chunk in each]
        assert [chunk.ordinal for chunk in chunks] == list(range(len(cut.spans)))
        for chunk, span in zip(chunks, cut.spans, strict=True):
            assert (chunk.span, chunk.text) == (span, words[span.start : span.end])

    async def test_of_nothing_is_nothing(self, pipeline: Pipeline) -> None:
        cut = await pipeline.cut(ParsedDocument(" \n "), "x.txt", None)
        assert [batch async for batch in pipeline.index(cut, 1, 4)] == []

    async def test_finds_title_and_headings_under_the_tenants_own_ids(
        self, pipeline: Pipeline
    ) -> None:
        words = "Mills\n\nThe road is long."
        parsed = ParsedDocument(words, title="Charter", headings=(Heading(0, 5, 1),))
        cut = await pipeline.cut(parsed, "x.txt", "en")
        found = {}
        for tenant in (1, 2):
            [[chunk]] = [batch async for batch in pipeline.index(cut, tenant, 4)]
            found[tenant] = set(chunk.terms.ids)
            salt = tenant_salt(tenant)
            assert {term_id(term, salt) for term in ("charter", "mill", "road")} <= found[tenant]
        assert not found[1] & found[2]
