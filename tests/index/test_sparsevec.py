from pgvector import SparseVector

from muniment.index.lexical import SparseTerms
from muniment.index.sparsevec import sparsevec_binary, sparsevec_text
from muniment.index.terms import MAX_TERM_ID

TERMS = SparseTerms((1, 7, MAX_TERM_ID), (0.5, 2.0, 1.25))


class TestSparsevecText:
    def test_counts_positions_from_one(self) -> None:
        assert sparsevec_text(TERMS) == "{1:0.5,7:2,1000000000:1.25}/1000000000"
        assert sparsevec_text(SparseTerms((), ())) == "{}/1000000000"

    def test_is_read_by_pgvector_as_it_was_meant(self) -> None:
        read = SparseVector.from_text(sparsevec_text(TERMS))
        assert read == SparseVector({0: 0.5, 6: 2.0, MAX_TERM_ID - 1: 1.25}, MAX_TERM_ID)


class TestSparsevecBinary:
    def test_equals_that_of_the_library(self) -> None:
        expected = SparseVector({0: 0.5, 6: 2.0, MAX_TERM_ID - 1: 1.25}, MAX_TERM_ID)
        assert sparsevec_binary(TERMS) == expected.to_binary()
