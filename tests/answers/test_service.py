from sqlalchemy import text

from muniment.answers.citations import SourceSpan
from muniment.answers.repository import QuoteRepository
from muniment.answers.schemas import AnswerRequest
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
