"""Measures silence: whether an answer is withheld when the article that holds it was left out.

The articles of a data set (documents with one title) are cut in two by a hash, and each half goes
into a collection of its own. Every question is asked of both: of the half that holds its article,
and of the other, where nobody can answer it. One half of the questions is there to tune, the other
to report.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from muniment.answers.confidence import SIGNALS, Calibration
from muniment.answers.schemas import AnswerRequest
from muniment.answers.service import AnswerService
from muniment.evaluation import metrics
from muniment.evaluation.calibration import POINTS, Asked, OperatingPoint, fit
from muniment.evaluation.corpus import EvaluationCorpus, FilledCorpus, Progress
from muniment.evaluation.dataset import Dataset, Query
from muniment.evaluation.errors import InvalidDatasetError
from muniment.identity.principal import Principal

Half = Literal["tune", "report"]
_BY_WORDS = ("words", "passage")
_FITS = {"all": tuple(SIGNALS), "without_closer_look": (*_BY_WORDS, "meaning"), "words": _BY_WORDS}
_MAX_QUESTION = 4096


def half_of(title: str) -> Half:
    """Give the half that an article belongs to: always the same, and nothing to choose."""
    return "report" if hashlib.sha256(title.encode()).digest()[0] % 2 else "tune"


@dataclass(frozen=True, slots=True)
class AbstentionReport:
    """All answers, given or not, of both halves of the questions."""

    asked: Mapping[Half, Sequence[Asked]]
    abstain_below: float
    """The operating point of the settings."""

    def as_json(self) -> dict[str, JsonValue]:
        """Give what the point is worth on the half to report, the curve, and constants anew."""
        report = self.asked["report"]
        fits = {name: fit(self.asked["tune"], signals) for name, signals in _FITS.items()}
        return {
            # Every question was asked twice.
            "queries": {half: len(asked) // 2 for half, asked in self.asked.items()},
            "operating_point": OperatingPoint(self.abstain_below, report).as_json(),
            "curve": [OperatingPoint(point, report).as_json() for point in POINTS],
            "tuned_on": [OperatingPoint(point, self.asked["tune"]).as_json() for point in POINTS],
            "fits": {name: _written(found) for name, found in fits.items() if found is not None},
        }


class AbstentionTrial:
    """Asks every question with its article and without."""

    def __init__(
        self, corpus: EvaluationCorpus, answers: AnswerService, abstain_below: float
    ) -> None:
        self._corpus = corpus
        self._answers = answers
        self._abstain_below = abstain_below

    async def run(
        self, principal: Principal, dataset: Dataset, progress: Progress
    ) -> AbstentionReport:
        """Fill both halves, ask, and remove everything again. Raises InvalidDatasetError."""
        questions = _questions(dataset)
        tune = [one for one in dataset.documents if half_of(one.title) == "tune"]
        report = [one for one in dataset.documents if half_of(one.title) == "report"]
        async with (
            self._corpus.filled(principal, tune, progress) as first,
            self._corpus.filled(principal, report, progress) as second,
        ):
            places: Mapping[Half, FilledCorpus] = {"tune": first, "report": second}
            asked: dict[Half, list[Asked]] = {"tune": [], "report": []}
            for done, (query, own) in enumerate(questions, 1):
                for half, place in places.items():
                    asked[own].append(
                        await self._ask(principal, query, place, is_answerable=own == half)
                    )
                progress("ask", done, len(questions))
        return AbstentionReport(asked, self._abstain_below)

    async def _ask(
        self, principal: Principal, query: Query, place: FilledCorpus, *, is_answerable: bool
    ) -> Asked:
        draft = await self._answers.draft(
            principal,
            AnswerRequest(question=query.text[:_MAX_QUESTION], collections=[place.collection_id]),
        )
        quotes = [one.sentence.text for one in draft.sentences]
        is_right = is_answerable and metrics.holds_answer(quotes, query.answers)
        return Asked(draft.signals, draft.confidence, is_answerable, is_right)


def _questions(dataset: Dataset) -> list[tuple[Query, Half]]:
    """Give the questions that have answers and one article, each with its half."""
    titles = {document.id: document.title for document in dataset.documents}
    found: list[tuple[Query, Half]] = []
    for query in dataset.queries:
        articles = {titles.get(document, "") for document in dataset.relevant.get(query.id, {})}
        if query.answers and len(articles) == 1 and "" not in articles:
            found.append((query, half_of(*articles)))
    if {half for _, half in found} != {"tune", "report"}:
        raise InvalidDatasetError(
            "Silence cannot be measured: it takes questions with answers about several articles.",
            hint="Queries need `answers`, and the documents of an article the same `title`.",
        )
    return found


def _written(found: Calibration) -> dict[str, JsonValue]:
    weights: dict[str, JsonValue] = {
        name: round(weight, 3) for name, weight in found.weights.items()
    }
    return {"bias": round(found.bias, 3), "weights": weights}
