import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.index.token_states import QuestionStates, packed_states
from muniment.ports.embedding import TokenEmbedding
from tests.support.word_states import WordStatesEmbedder

DIMENSION = 64
WORDS = st.sampled_from(["gull", "boat", "tide", "the", "and", ".", "?", "17", "Größe", "漢字"])


async def embedded(text: str, dimension: int = DIMENSION) -> TokenEmbedding:
    (made,) = [one async for one in WordStatesEmbedder(dimension).embed_tokens([text])]
    return made


async def packed(text: str, language: str = "en", dimension: int = DIMENSION) -> bytes:
    return packed_states(text, await embedded(text, dimension), language)


async def question(text: str, dimension: int = DIMENSION) -> QuestionStates:
    return QuestionStates.of(text, await embedded(text, dimension))


class TestPackedStates:
    async def test_are_a_bit_a_dimension_of_each_telling_word(self) -> None:
        assert len(await packed("The gull, and the boat!")) == 2 * DIMENSION // 8

    async def test_leave_out_the_function_words_of_the_language(self) -> None:
        assert await packed("die Boote", "de") == await packed("Boote")
        assert await packed("die Boote", "en") != await packed("Boote")

    async def test_of_function_words_alone_are_empty(self) -> None:
        assert await packed("the and of ...") == b""


class TestQuestionStates:
    async def test_have_a_word_for_each_state_and_no_marks(self) -> None:
        states = await question("Where IS the Gull?")
        assert states.words == ["where", "is", "the", "gull"]
        assert states.states.shape == (4, DIMENSION)


class TestSimilarities:
    @pytest.mark.parametrize("dimension", [8, 20, 64, 384])
    async def test_a_word_that_stands_there_is_as_near_as_can_be(self, dimension: int) -> None:
        states = await question("gull", dimension)
        passages = [await packed(text, dimension=dimension) for text in ("a gull", "gull and boat")]
        assert states.similarities([1.0], passages) == pytest.approx([1.0, 1.0], abs=1e-3)

    async def test_are_the_mean_over_the_words_by_weight(self) -> None:
        states = await question("gull boat")
        passage = [await packed("gull")]
        (both,) = states.similarities([1.0, 1.0], passage)
        (first,) = states.similarities([3.0, 0.0], passage)
        (second,) = states.similarities([0.0, 3.0], passage)
        assert first == pytest.approx(1.0, abs=1e-3)
        assert first is not None
        assert second is not None
        assert both == pytest.approx((first + second) / 2, abs=1e-6)

    async def test_a_passage_without_states_has_none(self) -> None:
        states = await question("gull")
        found = states.similarities([1.0], [None, await packed("gull"), b"", await packed("boat")])
        assert [one is None for one in found] == [True, False, True, False]
        assert found[1] == pytest.approx(1.0, abs=1e-3)

    @pytest.mark.parametrize("weights", [[0.0], [0.0, 0.0]])
    async def test_words_that_tell_nothing_compare_nothing(self, weights: list[float]) -> None:
        states = await question("gull boat" if len(weights) > 1 else "gull")
        assert states.similarities(weights, [await packed("gull")]) == [None]

    async def test_a_question_of_marks_compares_nothing(self) -> None:
        assert (await question("?!")).similarities([], [await packed("gull")]) == [None]

    @given(
        st.lists(WORDS, min_size=1, max_size=6),
        st.lists(st.lists(WORDS, max_size=8), min_size=1, max_size=5),
        st.data(),
    )
    async def test_equal_the_definition(
        self, words: list[str], passages: list[list[str]], data: st.DataObject
    ) -> None:
        states = await question(" ".join(words))
        weights = [data.draw(st.floats(0.1, 9)) for _ in states.words]
        bits = [await packed(" ".join(passage)) for passage in passages]
        found = states.similarities(weights, bits)
        for one, passage in zip(found, bits, strict=True):
            if not passage or not weights:
                assert one is None
                continue
            rows = np.unpackbits(np.frombuffer(passage, np.uint8).reshape(-1, DIMENSION // 8), 1)
            signs = np.where(rows == 1, 1.0, -1.0) / np.sqrt(DIMENSION)
            nearest = (states.states.astype(float) @ signs.T).max(axis=1)
            expected = float(np.dot(nearest, weights) / sum(weights))
            assert one == pytest.approx(expected, abs=1e-4)
