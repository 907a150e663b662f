"""Texts to measure with: words of our own with the frequencies of a language, from a seed."""

import random
from itertools import accumulate

_SYLLABLES = ("an", "bor", "cel", "dur", "es", "fal", "gri", "hon", "il", "jut", "kel", "lom")
_VOCABULARY = 5_000
_TOPICS = 400
_TOPIC_WORDS = 40
_TOPIC_SHARE = 0.4
_SENTENCE = 14
_PARAGRAPH = 5


class Writer:
    """Writes sentences; words follow Zipf's law, so that some stand everywhere and most rarely."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        places = range(_VOCABULARY)
        base = len(_SYLLABLES)
        self._words = [
            "".join(_SYLLABLES[(n // base**digit) % base] for digit in range(4)) for n in places
        ]
        self._weights = list(accumulate(1 / (n + 2) for n in places))

    def words(self, count: int) -> str:
        """Write some words."""
        return " ".join(self._dice.choices(self._words, cum_weights=self._weights, k=count))

    def topic(self) -> int:
        """Choose what a text is about."""
        return self._dice.randrange(_TOPICS)

    def about(self, topic: int, count: int) -> str:
        """Write some words, many of which belong to a topic: real texts lie in clusters."""
        own = random.Random(topic).sample(self._words[_TOPIC_WORDS:], _TOPIC_WORDS)
        return " ".join(
            self._dice.choice(own) if self._dice.random() < _TOPIC_SHARE else word
            for word in self.words(count).split()
        )

    def passage(self, topic: int, size: int) -> str:
        """Write about a topic, about so many bytes."""
        text = self.about(topic, size // 5)
        return text[:size]

    def sentence(self) -> str:
        """Write a sentence."""
        return self.words(_SENTENCE).capitalize() + "."

    def document(self, size: int) -> str:
        """Write paragraphs, of about so many bytes together."""
        paragraphs: list[str] = []
        written = 0
        while written < size:
            paragraphs.append(" ".join(self.sentence() for _ in range(_PARAGRAPH)))
            written += len(paragraphs[-1]) + 2
        return "\n\n".join(paragraphs)[:size]
