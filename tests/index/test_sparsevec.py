from muniment.index.lexical import SparseTerms
from muniment.index.sparsevec import sparsevec_text
from muniment.index.terms import MAX_TERM_ID

TERMS = SparseTerms((1, 7, MAX_TERM_ID), (0.5, 2.0, 1.25))


class TestSparsevecText:
    def test_counts_positions_from_one(self) -> None:
        assert sparsevec_text(TERMS) == "{1:0.5,7:2,1000000000:1.25}/1000000000"
        assert sparsevec_text(SparseTerms((), ())) == "{}/1000000000"
