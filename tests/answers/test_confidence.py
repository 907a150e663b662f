import pytest

from muniment.answers.confidence import OF_SPACES, WORDS_ALONE, Signals, confidence
from muniment.ports.embedding import EmbedderIdentity
from muniment_minilm import model_files

MINILM = EmbedderIdentity("minilm", 384, model_files().model_sha256[:12])
OTHER = EmbedderIdentity("minilm", 384, "another model")
NEAR = Signals(words=0.6, passage=0.9, meaning=0.7, closely=0.65)
FAR = Signals(words=0.2, passage=0.4, meaning=0.35, closely=0.4)


class TestConfidence:
    def test_tells_what_answers_from_what_does_not(self) -> None:
        assert confidence(NEAR, MINILM) > 0.8
        assert confidence(FAR, MINILM) < 0.05

    def test_knows_the_model_that_ships(self) -> None:
        assert (MINILM.name, MINILM.revision) in OF_SPACES

    def test_does_without_the_closer_look(self) -> None:
        found = [
            confidence(Signals(one.words, one.passage, one.meaning, None), MINILM)
            for one in (NEAR, FAR)
        ]
        assert found[0] > 0.8
        assert found[1] < 0.05

    @pytest.mark.parametrize("signals", [NEAR, FAR])
    def test_of_another_space_or_language_hangs_on_words_alone(self, signals: Signals) -> None:
        unknown = Signals(signals.words, signals.passage, None, signals.closely)
        assert confidence(signals, OTHER) == WORDS_ALONE.confidence(signals)
        assert confidence(unknown, MINILM) == WORDS_ALONE.confidence(signals)
