import math
from itertools import pairwise

import pytest

from muniment.index.lexical import (
    PRIOR_CHUNKS,
    LexicalModel,
    QueryTerms,
    SparseTerms,
    query_weights,
)
from muniment.index.terms import TermAnalyzer, term_id

SALT = b"tenant-1"
MODEL = LexicalModel(TermAnalyzer())


def document(text: str, title: str = "", language: str = "en") -> SparseTerms:
    return MODEL.document_weights(title, text, language, SALT)


def query(text: str, language: str = "en", df: int = 10, chunks: int = 1024) -> SparseTerms:
    terms = MODEL.query_terms(text, language, SALT)
    return query_weights(terms, dict.fromkeys(terms.ids, df), chunks)


def weight(terms: SparseTerms, term: str) -> float:
    return dict(zip(terms.ids, terms.weights, strict=True))[term_id(term, SALT)]


class TestDocumentWeights:
    def test_equal_the_formula_of_bm25f(self) -> None:
        text = "mill " * 2 + "road " * 83
        title = "mill archive"
        frequency = 2 / (0.5 + 0.5 * 2 / 4) + 2 / (0.25 + 0.75 * 85 / 85)
        expected = frequency * 2.2 / (1.2 + frequency)
        assert weight(document(text, title), "mill") == pytest.approx(expected)

    def test_saturate_below_k1_plus_one(self) -> None:
        once, often = weight(document("mill"), "mill"), weight(document("mill " * 500), "mill")
        assert once < 2.2
        assert often < 2.2

    def test_a_title_counts_more_than_a_text(self) -> None:
        in_title = document("road " * 85, "mill and town archive")
        in_text = document("mill " + "road " * 84, "road and town archive")
        assert weight(in_title, "mill") > weight(in_text, "mill")

    def test_a_longer_text_weighs_each_term_less(self) -> None:
        assert weight(document("mill"), "mill") > weight(document("mill " + "road " * 90), "mill")

    def test_function_words_do_not_make_a_text_longer(self) -> None:
        assert weight(document("mill"), "mill") == weight(document("the mill of the"), "mill")

    def test_ids_rise_and_no_weight_is_zero(self) -> None:
        terms = document("The archive keeps deeds, maps and letters of the town.", "Archive")
        assert all(lower < higher for lower, higher in pairwise(terms.ids))
        assert min(terms.weights) > 0
        assert document("") == SparseTerms((), ())


class TestQueryWeights:
    def test_a_word_said_twice_counts_twice(self) -> None:
        assert weight(query("mill mill road"), "mill") == 2 * weight(query("mill road"), "mill")

    def test_equal_the_idf_of_bm25_with_a_prior(self) -> None:
        chunks, df = 1024 + PRIOR_CHUNKS, 128 + 1
        assert weight(query("mill", df=128, chunks=1024), "mill") == pytest.approx(
            math.log(1 + (chunks - df + 0.5) / (df + 0.5))
        )

    def test_tell_little_in_a_handful_of_chunks(self) -> None:
        everywhere = weight(query("mill", df=7, chunks=7), "mill")
        nowhere = weight(query("mill", df=0, chunks=7), "mill")
        assert everywhere < nowhere < 2 * everywhere

    def test_a_rarer_word_weighs_more(self) -> None:
        weights = [weight(query("mill", df=df), "mill") for df in (0, 1, 11, 12, 500, 1024, 2000)]
        assert weights == sorted(weights, reverse=True)
        assert len(set(weights)) == len(weights)

    @pytest.mark.parametrize("chunks", [0, 1, 3, 40])
    def test_are_never_negative_in_a_small_corpus(self, chunks: int) -> None:
        assert weight(query("mill", df=chunks, chunks=chunks), "mill") > 0

    def test_function_words_are_left_out_unless_there_is_nothing_else(self) -> None:
        assert query("the mill of the").ids == query("mill").ids
        assert len(query("who is the").ids) == 3
        assert document("The Who play in the mill.").dot(query("the who")) > 0

    def test_an_empty_query_has_no_terms(self) -> None:
        assert query(" ?! ") == SparseTerms((), ())
        assert QueryTerms({}).ids == ()

    def test_further_languages_add_their_stems(self) -> None:
        terms = MODEL.query_terms("Kündigungen", "en", SALT, also=("de",))
        german = document("Die Kündigungen der Mieter", language="de")
        assert not set(german.ids) & set(MODEL.query_terms("Kündigungen", "en", SALT).ids)
        assert set(german.ids) & set(terms.ids)


class TestScores:
    def test_prefer_the_document_with_the_words_of_the_query(self) -> None:
        question = query("Where are the deeds of the mills kept?")
        good = document("Deeds of each mill are kept in the archive.")
        assert good.dot(question) > document("The owl sleeps by day.").dot(question) == 0.0

    def test_nothing_is_found_across_tenants(self) -> None:
        foreign = MODEL.document_weights("", "deeds of the mill", "en", b"tenant-2")
        assert foreign.dot(query("deeds mill")) == 0.0
