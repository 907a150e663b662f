from uuid import UUID

import pytest

from muniment.library.errors import CollectionNotFoundError
from muniment.ports.vectors import Mode
from muniment.retrieval.schemas import SearchRequest
from tests.support.searching import WIDE, make_search
from tests.support.shelf import Shelf
from tests.support.statements import counted_statements


class TestSearch:
    async def test_a_passage_is_a_literal_slice_with_its_place(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        text = "\U0001f6a2 Ahoy.\n\nThe lighthouse keeper counts gulls at noon."
        document = await shelf.add_document(collection, text, name="log.txt")
        found = await make_search(shelf).search(
            await shelf.principal(), SearchRequest(query="lighthouse")
        )
        place = found.passages[0].place
        assert (place.document_id, place.document_name, place.version) == (
            document.id,
            "log.txt",
            1,
        )
        assert place.text == text[place.start : place.end]

    async def test_top_k_takes_the_best(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        for number in range(4):
            await shelf.add_document(collection, "gull " * number + "boat", name=f"{number}.txt")
        search = make_search(shelf)
        principal = await shelf.principal()
        many = await search.search(principal, SearchRequest(query="gull", mode="lexical"))
        few = await search.search(principal, SearchRequest(query="gull", mode="lexical", top_k=2))
        assert len(many.passages) == 3
        assert few.passages == many.passages[:2]

    async def test_one_and_fifty_results_take_the_same_number_of_statements(
        self, shelf: Shelf
    ) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        for number in range(50):
            await shelf.add_document(collection, f"Lighthouse {number}.", name=f"{number}.txt")
        search, principal = make_search(shelf), await shelf.principal()
        counts = []
        for top_k in (1, 50):
            with counted_statements() as statements:
                found = await search.search(
                    principal, SearchRequest(query="lighthouse", top_k=top_k)
                )
            assert len(found.passages) == top_k
            counts.append(len(statements))
        assert counts[0] == counts[1]

    async def test_the_model_runs_once_for_a_repeated_question(self, shelf: Shelf) -> None:
        await shelf.add_collection({"everyone": "reader"})
        search, principal = make_search(shelf), await shelf.principal()
        for _ in range(3):
            await search.search(principal, SearchRequest(query="lighthouse"))
        assert search._vectors.counts.misses == 1

    @pytest.mark.parametrize("query", ["???", "the of and", "\U0001f600", "'; drop table chunk;--"])
    async def test_a_question_without_known_words_is_no_fault(
        self, shelf: Shelf, query: str
    ) -> None:
        collection = await shelf.add_collection({"everyone": "reader"})
        await shelf.add_document(collection, "The lighthouse keeper counts gulls.")
        found = await make_search(shelf).search(
            await shelf.principal(), SearchRequest(query=query, mode="lexical")
        )
        assert len(found.passages) <= 1


class TestCollections:
    async def test_an_unreadable_one_is_as_unknown_as_one_that_is_not(self, shelf: Shelf) -> None:
        hidden = await shelf.add_collection({"group:/others": "reader"})
        open_one = await shelf.add_collection({"everyone": "reader"})
        search, principal = make_search(shelf), await shelf.principal()
        for wanted in (hidden, UUID(int=7)):
            request = SearchRequest(query="gulls", collections=[open_one, wanted])
            with pytest.raises(CollectionNotFoundError):
                await search.search(principal, request)


class TestLanguage:
    async def test_a_declared_language_stems_short_questions(self, shelf: Shelf) -> None:
        collection = await shelf.add_collection({"everyone": "reader"}, language="de")
        german = "Die Verträge werden von den Leitungen der Häuser geprüft und unterschrieben."
        await shelf.add_document(collection, german)
        search, principal = make_search(shelf), await shelf.principal()
        found = await search.search(principal, SearchRequest(query="Vertrag", mode="lexical"))
        assert found.ranking.understanding.language == "de"
        assert len(found.passages) == 1


class TestBlindIndex:
    """Vectors of others, all alike and close to the question, are each other's only neighbours."""

    COPY = "The lighthouse keeper counts gulls at noon."

    @pytest.mark.parametrize("mode", ["dense", "hybrid"])
    async def test_many_copies_of_what_is_hidden_hide_nothing_else(
        self, shelf: Shelf, mode: Mode
    ) -> None:
        hidden = await shelf.add_collection({"group:/others": "reader"})
        mine = await shelf.add_collection({"everyone": "reader"})
        for number in range(150):
            await shelf.add_document(hidden, self.COPY, name=f"{number}.txt")
        for number in range(3):
            await shelf.add_document(mine, f"Gulls and the lighthouse, part {number}.")
        request = SearchRequest(query=self.COPY, mode=mode, top_k=5)

        found = await make_search(shelf, WIDE).search(await shelf.principal(), request)

        assert len(found.passages) == 3
