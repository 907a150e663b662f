from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.answers.extraction import (
    MAX_QUOTE,
    Evidence,
    choose,
    overlap,
    score_sentences,
    sentences_of,
)
from muniment.index.lexical import SparseTerms
from muniment.retrieval.fusion import RankedChunk
from muniment.retrieval.passages import Passage, PassageText

QUESTION = SparseTerms((1, 2, 3), (6.0, 3.0, 1.0))
HOSTILE = st.text(
    st.sampled_from("ab .!?\n\U0001f600\u0301e\u200d漢字。\u0645-\u00df#1")
    | st.characters(exclude_categories=["Cs"]),
    max_size=300,
)


def passage(
    text: str,
    *,
    start: int = 0,
    document: int = 1,
    fused: float = 0.0,
    headings: tuple[str, ...] = (),
) -> Passage:
    document_id = UUID(int=document)
    place = PassageText(
        start, document_id, "n", None, 1, None, start, start + len(text), text, headings
    )
    return Passage(place, RankedChunk(start, document_id, fused, None, None))


class TestSentences:
    def test_headings_and_fragments_are_no_quotes(self) -> None:
        found = sentences_of(
            [
                passage(
                    "# Annual leave\n\nYou have 28 days of leave.\n\nOk.",
                    headings=("Annual leave",),
                )
            ]
        )
        assert [sentence.text for sentence in found] == ["You have 28 days of leave."]

    def test_headings_are_not_even_within_a_passage(self) -> None:
        found = sentences_of(
            [
                passage(
                    "## Annual leave for all\n\nYou have 28 days.\n\nCore time in Jena\n\n"
                    "It ends at three.\n\n## Flexible hours in Jena\n\nAsk your lead first."
                )
            ]
        )
        assert [sentence.text for sentence in found] == [
            "You have 28 days.",
            "It ends at three.",
            "Ask your lead first.",
        ]

    @pytest.mark.parametrize("number", ["2.", "2.1.", "2)", "12."])
    @pytest.mark.parametrize("mark", ["", "## "])
    def test_headings_with_a_number_are_none_either(self, mark: str, number: str) -> None:
        text = (
            f"{mark}1. Wochenarbeitszeit\n\nSie beträgt 38 Stunden.\n\n"
            f"{mark}{number} Gleitzeit und Kernzeit\n\nSie endet um drei Uhr."
        )
        assert [sentence.text for sentence in sentences_of([passage(text)])] == [
            "Sie beträgt 38 Stunden.",
            "Sie endet um drei Uhr.",
        ]

    def test_a_numbered_paragraph_is_a_quote(self) -> None:
        text = "Terms\n\n2. Notice is given in writing.\n\n3. It ends after three months."
        assert [sentence.text for sentence in sentences_of([passage(text)])] == [
            "2. Notice is given in writing.",
            "3. It ends after three months.",
        ]

    def test_the_question_itself_is_not(self) -> None:
        found = sentences_of(
            [passage("How long is the core time? The core time is six hours.")],
            "How long is the core time?",
        )
        assert [sentence.text for sentence in found] == ["The core time is six hours."]

    def test_list_items_and_rows_are(self) -> None:
        found = sentences_of([passage("- probes: 12 months\n- lamps: 6 months each")])
        assert [sentence.text for sentence in found] == [
            "- probes: 12 months",
            "- lamps: 6 months each",
        ]

    def test_offsets_are_those_of_the_document(self) -> None:
        document = "Intro.\n\n\U0001f6a2 The boat sails at noon."
        [sentence] = sentences_of([passage(document[8:], start=8)])
        assert document[sentence.start : sentence.end] == sentence.text

    def test_passages_that_overlap_give_a_sentence_once(self) -> None:
        text = "The boat sails at noon. The crew has lunch then."
        found = sentences_of([passage(text), passage(text[24:], start=24)])
        assert len(found) == 2

    def test_what_has_no_end_is_cut_between_words(self) -> None:
        [sentence] = sentences_of([passage("word " * 400)])
        assert len(sentence.text) <= MAX_QUOTE
        assert sentence.text.endswith("word")

    @given(HOSTILE, st.integers(0, 9))
    def test_every_sentence_is_a_literal_slice(self, text: str, start: int) -> None:
        for sentence in sentences_of([passage(text, start=start)]):
            assert sentence.text == text[sentence.start - start : sentence.end - start]
            assert sentence.text.strip() == sentence.text != ""

    @given(HOSTILE, st.integers(0, 9))
    def test_none_is_longer_than_a_quote_or_there_twice(self, text: str, start: int) -> None:
        twice = [passage(text * 4, start=start), passage(text * 4, start=start)]
        found = sentences_of(twice)
        places = [(sentence.start, sentence.end) for sentence in found]
        assert len(set(places)) == len(places)
        assert all(0 < end - first <= MAX_QUOTE for first, end in places)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("有給休暇は年に二十八日あります。", ["有給休暇は年に二十八日あります。"]),
            ("短い。有給休暇は年に二十八日です。", ["有給休暇は年に二十八日です。"]),
            ("لديك 28 يومًا من الإجازة.", ["لديك 28 يومًا من الإجازة."]),
            ("A b.", []),
            ("Ok. Yes.", []),
            ("--- ... ---", []),
            ("", []),
        ],
    )
    def test_say_something_in_any_script(self, text: str, expected: list[str]) -> None:
        assert [sentence.text for sentence in sentences_of([passage(text)])] == expected

    def test_a_word_without_end_is_cut_at_the_limit(self) -> None:
        [sentence] = sentences_of([passage("漢" * 5000)])
        assert sentence.text == "漢" * MAX_QUOTE

    def test_of_the_same_place_in_two_versions_are_two(self) -> None:
        one = passage("The boat sails at noon.")
        newer = replace(one, place=replace(one.place, version=2))
        assert len(sentences_of([one, newer])) == 2


class TestScore:
    def test_rare_words_weigh_more(self) -> None:
        assert overlap(QUESTION, {1}) == 0.6
        assert overlap(QUESTION, {2, 3, 9}) == 0.4
        assert overlap(SparseTerms((), ()), {1}) == 0.0

    def test_neighbours_lend_their_words_within_a_passage(self) -> None:
        one = passage("The keeper lives here. He counts the gulls.")
        other = passage("Nobody counts the boats.", document=2)
        sentences = sentences_of([one, other])
        evidence = [Evidence({1}, 0.0), Evidence({2}, 0.0), Evidence({3}, 0.0)]
        first, second, third = score_sentences(sentences, evidence, QUESTION, 0.25)
        assert round(first.relevance, 6) == 0.69
        assert round(second.relevance, 6) == 0.48
        assert round(third.relevance, 6) == 0.1


class TestChoose:
    def test_near_duplicates_are_said_once_and_documents_stay_together(self) -> None:
        one = passage("The fee is due in March. It is paid to the town hall at noon.")
        two = passage("The fee is due in March! A late fee doubles every month.", document=2)
        sentences = sentences_of([one, two])
        cosines = [0.6, 0.9, 0.5, 0.7]
        evidence = [Evidence(frozenset(), cosine) for cosine in cosines]
        chosen = choose(score_sentences(sentences, evidence, QUESTION, 0.0), 3)
        assert [one.sentence.text for one in chosen] == [
            "The fee is due in March.",
            "It is paid to the town hall at noon.",
            "A late fee doubles every month.",
        ]

    @given(st.lists(st.tuples(st.integers(1, 3), st.floats(-1, 1)), max_size=12), st.integers(1, 5))
    def test_takes_the_best_and_keeps_each_document_in_its_own_order(
        self, drawn: list[tuple[int, float]], count: int
    ) -> None:
        # Numbers in words that no two sentences share, so that none passes for another.
        passages = [
            passage(f"one{n} two{n} three{n} four{n}.", start=100 * n, document=document)
            for n, (document, _) in enumerate(drawn)
        ]
        sentences = sentences_of(passages)
        evidence = [Evidence(frozenset(), cosine) for _, cosine in drawn]
        scored = score_sentences(sentences, evidence, QUESTION, 0.0)
        chosen = choose(scored, count)
        assert len(chosen) == min(count, len(scored))
        best = sorted((one.total for one in scored), reverse=True)[:count]
        assert sorted((one.total for one in chosen), reverse=True) == best
        documents = [one.sentence.passage.place.document_id for one in chosen]
        for document in set(documents):
            places = [at for at, each in enumerate(documents) if each == document]
            assert places == list(range(places[0], places[0] + len(places)))
            starts = [chosen[at].sentence.start for at in places]
            assert starts == sorted(starts)
        if chosen:
            pairs = zip(documents, chosen, strict=True)
            leading = {one.total for document, one in pairs if document == documents[0]}
            assert max(one.total for one in chosen) in leading
