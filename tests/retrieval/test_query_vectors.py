import pytest

from muniment.adapters.embedders.hashing import HashingEmbedder, HashingSettings
from muniment.retrieval.query_vectors import QueryVectors
from tests.support.word_states import WordStatesEmbedder


def make(size: int) -> QueryVectors:
    return QueryVectors(HashingEmbedder(HashingSettings(dimension=16)), size)


class TestQueryVectors:
    async def test_the_same_question_runs_the_model_once(self) -> None:
        vectors = make(2)
        first = await vectors.of("a question")
        assert (await vectors.of("a question")) is first
        assert (vectors.counts.hits, vectors.counts.misses) == (1, 1)

    async def test_words_are_embedded_in_the_same_run(self) -> None:
        embedder = WordStatesEmbedder(16)
        known = await QueryVectors(embedder, 2).of("Which gulls?")
        assert known.states is not None
        assert known.states.words == ["which", "gulls"]
        assert embedder.runs == 1

    async def test_an_embedder_without_states_gives_a_vector_alone(self) -> None:
        assert (await make(1).of("one")).states is None

    async def test_the_least_recently_used_gives_way(self) -> None:
        vectors = make(2)
        for question in ("one", "two", "one", "three", "one", "two"):
            await vectors.of(question)
        assert (vectors.counts.hits, vectors.counts.misses) == (2, 4)

    async def test_nothing_is_kept_without_room(self) -> None:
        vectors = make(0)
        await vectors.of("one")
        await vectors.of("one")
        assert vectors.counts.hits == 0

    async def test_a_kept_vector_cannot_be_changed(self) -> None:
        vector = (await make(1).of("one")).vector
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 2.0
