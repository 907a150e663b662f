"""Quotes read again from the canonical text: the right version, the right page, nobody else's."""

from collections.abc import Mapping
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from muniment.answers.citations import SourceQuote, SourceSpan
from muniment.answers.repository import QuoteRepository
from muniment.identity.principal import Principal
from muniment.library.models import DocumentVersion
from muniment.library.policy import access_filter
from muniment.ports.parsing import ParsedDocument
from muniment.ports.vectors import Reach
from muniment.postgres.unit_of_work import Scope
from tests.support.shelf import Placed, Shelf, make_shelf

PAGES = "First page.\nThird page, the second is blank.\nLast."
ANY_TEXT = st.text(
    st.sampled_from("ab \n\r\t\u0301\u200d\u202e漢。ب\U0001f468\U0001f1e9\ufeff\ufffd")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=60,
)


async def read(
    shelf: Shelf, principal: Principal, *spans: SourceSpan
) -> Mapping[SourceSpan, SourceQuote]:
    reach = Reach(principal.tenant_id, access_filter(principal))
    scope = Scope(principal.tenant_id, principal.names)
    async with shelf.database.serving.begin(scope) as session:
        return await QuoteRepository(session).find_quotes(spans, reach)


async def open_document(shelf: Shelf, words: str) -> Placed:
    return await shelf.add_document(await shelf.add_collection({"everyone": "reader"}), words)


class TestText:
    @given(ANY_TEXT, st.data())
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    async def test_is_the_slice_that_python_cuts(
        self, shelf: Shelf, words: str, data: st.DataObject
    ) -> None:
        # One document for all examples, with a text of its own for each.
        if not shelf.people:
            await open_document(shelf, "to be replaced")
        async with shelf.database.owner.begin() as connection:
            changed = await connection.execute(
                update(DocumentVersion).values(text=words).returning(DocumentVersion.document_id)
            )
            document = changed.scalar_one()
        start = data.draw(st.integers(0, len(words) - 1))
        end = data.draw(st.integers(start + 1, len(words)))
        span = SourceSpan(document, 1, start, end)
        found = await read(shelf, await shelf.principal(), span)
        assert found[span].text == words[start:end]

    async def test_is_that_of_the_version_that_was_asked_for(self, shelf: Shelf) -> None:
        document = await open_document(shelf, "Thirty days.")
        async with shelf.database.owner.begin() as connection:
            await connection.execute(
                insert(DocumentVersion).values(
                    document_id=document.id,
                    number=2,
                    tenant_id=shelf.tenant_id,
                    media_type="text/plain",
                    size=1,
                    sha256=b"",
                    original_key="k",
                    created_by=next(iter(shelf.people.values())),
                    text="Forty days.",
                )
            )
        old, new = (SourceSpan(document.id, number, 0, 6) for number in (1, 2))
        found = await read(shelf, await shelf.principal(), new, old)
        assert (found[old].text, found[new].text) == ("Thirty", "Forty ")

    async def test_ends_where_the_source_does(self, shelf: Shelf) -> None:
        document = await open_document(shelf, "Short.")
        beyond = SourceSpan(document.id, 1, 3, 99)
        assert (await read(shelf, await shelf.principal(), beyond))[beyond].text == "rt."


class TestPage:
    async def test_is_the_one_on_which_the_quote_begins(self, shelf: Shelf) -> None:
        document = await open_document(shelf, PAGES)
        last = PAGES.index("Last")
        parsed = ParsedDocument(text=PAGES, page_starts=(0, 12, 12, last))
        await shelf.make_ready(document, parsed)
        pages = {0: 1, 11: 1, 12: 3, 20: 3, last - 1: 3, last: 4, len(PAGES) - 1: 4}
        spans = [SourceSpan(document.id, 1, place, place + 1) for place in pages]
        found = await read(shelf, await shelf.principal(), *spans)
        assert {span.start: quote.page for span, quote in found.items()} == pages

    async def test_is_none_where_there_are_no_pages(self, shelf: Shelf) -> None:
        document = await open_document(shelf, PAGES)
        span = SourceSpan(document.id, 1, 0, 5)
        assert (await read(shelf, await shelf.principal(), span))[span].page is None


class TestWalls:
    async def test_leave_out_what_the_caller_may_not_see_by_now(self, shelf: Shelf) -> None:
        board = await shelf.add_collection({"group:/board": "reader"})
        hidden = await shelf.add_document(board, "The secret plan.")
        shown = await open_document(shelf, "The open plan.")
        gone = await open_document(shelf, "The old plan.")
        await shelf.delete(gone)
        spans = [SourceSpan(one.id, 1, 0, 8) for one in (hidden, shown, gone)]
        unknown = [SourceSpan(shown.id, 7, 0, 8), SourceSpan(UUID(int=5), 1, 0, 8)]
        stranger = await read(shelf, await shelf.principal(), *spans, *unknown)
        assert stranger == {spans[1]: SourceQuote("The open", None)}
        member = await shelf.principal("bob", groups=["/board"])
        assert set(await read(shelf, member, *spans, *unknown)) == {spans[0], spans[1]}

    async def test_stand_between_tenants(self, shelf: Shelf) -> None:
        document = await open_document(shelf, "The open plan.")
        span = SourceSpan(document.id, 1, 0, 8)
        other = await make_shelf(shelf.database, shelf.embedder, "other")
        assert await read(other, await other.principal(), span) == {}

    async def test_asked_for_nothing_is_nothing(self, shelf: Shelf) -> None:
        assert await read(shelf, await shelf.principal()) == {}
