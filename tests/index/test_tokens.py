import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.index.tokens import LONGEST_TOKEN, TokenMap
from tests.index.test_chunking import PieceCounter

COUNTER = PieceCounter()


class ThreeForEach:
    """Three tokens of one character, as a tokenizer that takes Hangul apart makes them."""

    max_tokens = 64

    def count_tokens(self, text: str) -> int:
        return 3 * len(text)

    def token_ends(self, text: str) -> list[int]:
        return [end for end in range(1, len(text) + 1) for _ in range(3)]


class TestTokenMap:
    def test_counts_the_tokens_of_a_span(self) -> None:
        tokens = TokenMap("deeds of the mill", COUNTER)
        assert tokens.count(0, 17) == 5
        assert tokens.count(6, 12) == 2

    def test_counts_blocks_of_a_long_text_together(self) -> None:
        text = "mill " * 20_000
        assert TokenMap(text, COUNTER).count(0, len(text)) == pytest.approx(20_000, abs=10)

    def test_counts_a_long_stretch_as_several(self) -> None:
        assert TokenMap("x" * 160, COUNTER).count(0, 160) == 160 // LONGEST_TOKEN

    def test_never_ends_between_tokens_of_one_character(self) -> None:
        tokens = TokenMap("가나다라", ThreeForEach())
        assert tokens.end_of(0, 8) == 2
        assert tokens.count(0, tokens.end_of(0, 8)) == 6
        assert tokens.end_of(0, 1) == 1

    @given(st.text(max_size=200), st.integers(1, 20))
    def test_an_end_holds_as_many_tokens_as_asked(self, text: str, wanted: int) -> None:
        tokens = TokenMap(text, COUNTER)
        start = 0
        while start < len(text):
            end = tokens.end_of(start, wanted)
            assert end > start
            assert tokens.count(start, end) <= wanted
            assert end == len(text) or end - start <= wanted * LONGEST_TOKEN
            start = end
