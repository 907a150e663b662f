from uuid import UUID

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
