import numpy as np
import pytest
from pydantic import ValidationError

from muniment.adapters.embedders.hashing import HashingSettings, create


class TestHashingEmbedder:
    async def test_gives_the_same_vector_everywhere(self) -> None:
        (first,) = await create(HashingSettings(dimension=8)).embed(["the old Mill"])
        (second,) = await create(HashingSettings(dimension=8)).embed(["The Old mill"])
        assert np.array_equal(first, second)
        expected = [0.0, 0.8944272, 0.0, 0.0, 0.0, 0.0, 0.0, -0.4472136]
        assert first.tolist() == pytest.approx(expected, abs=1e-6)

    async def test_gives_unit_vectors_even_for_nothing(self) -> None:
        for vector in await create(HashingSettings()).embed(["", "  ", "deed", "deed " * 5000]):
            assert vector.dtype == np.float32
            assert vector.shape == (384,)
            assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-6)

    async def test_texts_with_common_words_are_closer(self) -> None:
        mill, same, other = await create(HashingSettings()).embed(
            ["deeds of the mill", "the mill burned", "owls sleep by day"]
        )
        assert float(mill @ same) > float(mill @ other) + 0.2

    async def test_reads_as_many_tokens_as_it_says(self) -> None:
        embedder = create(HashingSettings())
        words = [f"w{number}" for number in range(embedder.max_tokens - 2)]
        full, beyond = await embedder.embed([" ".join(words), " ".join([*words, "goat"])])
        assert np.array_equal(full, beyond)
        assert embedder.count_tokens(" ".join(words)) == embedder.max_tokens

    def test_token_ends_are_the_ends_of_words_and_marks(self) -> None:
        assert list(create(HashingSettings()).token_ends("Ja, gut")) == [2, 3, 7]

    def test_refuses_a_dimension_that_no_index_takes(self) -> None:
        with pytest.raises(ValidationError):
            HashingSettings(dimension=4001)

    def test_another_dimension_is_another_space(self) -> None:
        small, large = HashingSettings(dimension=8), HashingSettings(dimension=16)
        assert create(small).identity != create(large).identity
        assert create(small).languages == frozenset()
