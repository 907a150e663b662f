from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from muniment.answers.citations import SourceSpan
from muniment.answers.repository import QuoteRepository
from muniment.answers.schemas import AnswerRequest
from muniment.answers.settings import AnswerSettings
from muniment.library.policy import access_filter
from muniment.ports.parsing import ParsedDocument
from muniment.ports.vectors import Reach
from muniment.postgres.unit_of_work import Scope
from tests.support.searching import make_answers
from tests.support.shelf import Shelf

LEAVE = (
    "Leave \U0001f334\n\nFull-time staff have 28 days of annual leave. "
    "Unused leave e\u0301xpires in March.\n\nThe canteen serves soup on Fridays."
)

TEXTS = st.lists(
    st.sampled_from(
        [
            "The boats sail at noon. ",
            "Nobody knows the boats! ",
            "# Boats\n\n",
            "\n\n",
            "漢字の船。",
            "القوارب تبحر عند الظهر. ",
            "\U0001f6a2\u200d\U0001f525 burns here today. ",
            "boats " * 150,
            "e\u0301tude of boats\u202e today. ",
            "\t| boats | 12 | noon |\n",
            "[1] is no boats marker. ",
        ]
    ),
    min_size=1,
    max_size=8,
).map("".join)


class TestAnswer:
    async def test_quotes_are_literal_and_numbered(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(collection, LEAVE, name="leave.txt")
        answer = await make_answers(shelf).answer(
            await shelf.principal(), AnswerRequest(question="How many days of annual leave?")
        )
        assert answer.mode == "extractive"
        assert "28 days of annual leave. [" in answer.text
        for number, citation in enumerate(answer.citations, 1):
            assert citation.marker == number
            assert citation.status == "verified"
            assert citation.quote == LEAVE[citation.span.start : citation.span.end]
            assert f"[{number}]" in answer.text

    async def test_the_page_is_that_of_the_quote(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        document = await shelf.add_document(collection, LEAVE)
        pages = (0, LEAVE.index("The canteen"))
        await shelf.make_ready(document, ParsedDocument(text=LEAVE, page_starts=pages))
        answer = await make_answers(shelf).answer(
            await shelf.principal(), AnswerRequest(question="When does the canteen serve soup?")
        )
        assert {c.page for c in answer.citations if "soup" in c.quote} == {2}

    async def test_nothing_relevant_is_said_so(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(collection, LEAVE)
        answer = await make_answers(shelf).answer(
            await shelf.principal(), AnswerRequest(question="zorp quux frobnicate")
        )
        assert (answer.mode, answer.citations) == ("none", [])
        assert answer.text == "The documents do not say."

    async def test_what_may_not_be_seen_does_not_answer(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"group:/board": "reader"})
        await shelf.add_document(collection, LEAVE)
        answers, question = make_answers(shelf), AnswerRequest(question="days of annual leave")
        stranger = await answers.answer(await shelf.principal(), question)
        member = await answers.answer(await shelf.principal("bob", groups=["/board"]), question)
        assert (stranger.mode, member.mode) == ("none", "extractive")

    async def test_a_deleted_document_answers_no_more(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        document = await shelf.add_document(collection, LEAVE)
        answers, question = make_answers(shelf), AnswerRequest(question="days of annual leave")
        assert (await answers.answer(await shelf.principal(), question)).mode == "extractive"
        await shelf.delete(document)
        assert (await answers.answer(await shelf.principal(), question)).mode == "none"

    async def test_a_quote_that_is_not_in_its_source_is_dropped(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(collection, LEAVE)
        async with shelf.database.owner.begin() as connection:
            await connection.execute(text("update document_version set text = 'x' || text"))
        answer = await make_answers(shelf).answer(
            await shelf.principal(), AnswerRequest(question="days of annual leave")
        )
        assert (answer.mode, answer.citations) == ("none", [])

    async def test_rows_and_items_stand_on_lines_of_their_own(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(collection, "- probes last 12 months\n- lamps last 6 months each")
        answer = await make_answers(shelf).answer(
            await shelf.principal(), AnswerRequest(question="How many months do lamps last?")
        )
        assert answer.text.splitlines() == [
            "- probes last 12 months [1]",
            "- lamps last 6 months each [2]",
        ]

    async def test_a_filter_and_collections_narrow_what_answers(self, shelf: Shelf) -> None:
        old = await shelf.add_collection({"everyone": "reader"})
        new = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(old, "You have 25 days of leave.", metadata={"year": 2025})
        await shelf.add_document(new, "You have 28 days of leave.", metadata={"year": 2026})
        answers, principal = make_answers(shelf), await shelf.principal()

        async def quotes(**narrowed: object) -> set[str]:
            request = AnswerRequest.model_validate({"question": "days of leave?", **narrowed})
            return {one.quote for one in (await answers.answer(principal, request)).citations}

        assert await quotes(filter={"type": "eq", "key": "year", "value": 2025}) == {
            "You have 25 days of leave."
        }
        assert await quotes(collections=[new]) == {"You have 28 days of leave."}
        assert await quotes(filter={"type": "gt", "key": "year", "value": 2026}) == set()

    async def test_gives_no_more_sentences_than_the_settings_say(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        many = " ".join(f"Pier {n} has room for {n + 2} boats." for n in range(12))
        await shelf.add_document(collection, many)
        request = AnswerRequest(question="How much room for boats has a pier?")
        for most in (1, 4):
            settings = AnswerSettings(sentences=most, abstain_below=0.1)
            answer = await make_answers(shelf, settings).answer(await shelf.principal(), request)
            assert [citation.marker for citation in answer.citations] == list(range(1, most + 1))

    @given(TEXTS)
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_every_quote_of_any_text_stands_in_its_source(
        self, shelf: Shelf, words: str
    ) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        document = await shelf.add_document(collection, words)
        answer = await make_answers(shelf, AnswerSettings(abstain_below=0.0, min_share=0.0)).answer(
            await shelf.principal(), AnswerRequest(question="boats", collections=[collection])
        )
        assert answer.mode == ("extractive" if answer.citations else "none")
        for citation in answer.citations:
            span = citation.span
            assert span.document_id == document.id
            assert citation.quote == words[span.start : span.end]
            assert f"{' '.join(citation.quote.split())} [{citation.marker}]" in answer.text
            assert 0.0 <= citation.score <= 1.0


class TestQuotes:
    async def test_the_database_counts_code_points_as_python_does(self, shelf: Shelf) -> None:
        odd = (
            "a\U0001f469\u200d\U0001f680e\u0301\u00df\ufb01漢\u0645\u064e\U0001f1e9\U0001f1ea\r\n\tz"
            * 3
        )
        collection = await shelf.add_collection({"everyone": "reader"})
        document = await shelf.add_document(collection, odd)
        principal = await shelf.principal()
        spans = [
            SourceSpan(document.id, 1, start, end)
            for start in range(0, len(odd), 3)
            for end in range(start + 1, len(odd), 4)
        ]
        reach = Reach(principal.tenant_id, access_filter(principal))
        scope = Scope(principal.tenant_id, principal.names)
        async with shelf.database.serving.begin(scope) as session:
            quotes = await QuoteRepository(session).find_quotes(spans, reach)
        assert {span: quote.text for span, quote in quotes.items()} == {
            span: odd[span.start : span.end] for span in spans
        }
