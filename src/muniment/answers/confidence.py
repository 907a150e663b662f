"""How likely it is that what is quoted answers the question: by what shows when nothing does.

A logistic function of a few signals that the search has anyway. Its constants were fitted on
questions of which half had lost the article that answers them (docs/guides/quality.md), and hold
for one embedding space: another model's cosines mean something else. In other spaces, and in
languages that the embedder does not know, words alone decide. `muniment eval FOLDER --abstention`
fits them anew.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType

from muniment.ports.embedding import EmbedderIdentity


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for the quotes; None for what says nothing here."""

    words: float
    """Share of the question's words that the most relevant sentence holds, by rarity."""
    passage: float
    """The best passage's score by words, for each unit that the question's words weigh."""
    meaning: float | None
    """Cosine of that sentence with the question."""
    closely: float | None
    """The most that a closer look gave to one of the passages."""


SIGNALS: Sequence[str] = tuple(field.name for field in fields(Signals))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns signals into the share of such answers that were right."""

    bias: float
    weights: Mapping[str, float]
    """By the name of the signal; one that is not named does not count."""

    def fits(self, signals: Signals) -> bool:
        """Tell whether all that counts is known."""
        told = asdict(signals)
        return all(told[name] is not None for name in self.weights)

    def confidence(self, signals: Signals) -> float:
        """Give the likelihood of a right answer, between 0 and 1."""
        told = asdict(signals)
        logit = self.bias + sum(weight * told[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-logit))


WORDS_ALONE = Calibration(-4.85, {"words": 2.28, "passage": 4.29})
OF_SPACES: Mapping[tuple[str, str], Sequence[Calibration]] = MappingProxyType(
    {
        ("minilm", "90cda8c11126"): (
            Calibration(-10.78, {"words": 0.93, "passage": 1.45, "meaning": 9.68, "closely": 6.52}),
            Calibration(-9.32, {"words": 2.07, "passage": 2.10, "meaning": 10.97}),
        )
    }
)
"""By name and revision of the embedder, so that no other model is judged by these; the first whose
signals are there counts."""


def confidence(signals: Signals, space: EmbedderIdentity) -> float:
    """Judge by what was fitted for this space; by the words alone where nothing was."""
    fitted = OF_SPACES.get((space.name, space.revision), ())
    chosen = next((each for each in fitted if each.fits(signals)), WORDS_ALONE)
    return chosen.confidence(signals)
