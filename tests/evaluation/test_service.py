"""The small data set of our own through the whole product path, with the model that ships."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from muniment.adapters.embedders.minilm import PLUGIN
from muniment.answers.schemas import AnswerRequest
from muniment.answers.service import AnswerService
from muniment.answers.settings import AnswerSettings
from muniment.evaluation.abstention import AbstentionTrial
from muniment.evaluation.calibration import OperatingPoint
from muniment.evaluation.corpus import EvaluationCorpus
from muniment.evaluation.dataset import Dataset, load_dataset
from muniment.evaluation.errors import InvalidDatasetError
from muniment.evaluation.service import Evaluator
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.settings import IngestionSettings
from muniment.ingestion.tasks import IngestDocument, PurgeDocument, PurgeOriginal
from muniment.ingestion.worker import Worker
from muniment.library.service.intake import Intake
from muniment.ports.jobs import INGEST_DOCUMENT, PURGE_DOCUMENT, PURGE_ORIGINAL
from tests.support.database import TestDatabase
from tests.support.fake_originals import FakeOriginals
from tests.support.searching import make_answers, make_search, open_shelf
from tests.support.shelf import Shelf

DATA = Path(__file__).parent / "data"
FERRIES = DATA / "ferries"


@pytest.fixture
async def shelf(database: TestDatabase) -> AsyncIterator[Shelf]:
    """A tenant whose documents are embedded by the real model."""
    embedder = PLUGIN.create(PLUGIN.settings_model())
    async with open_shelf(database, "evaluation", embedder) as shelf:
        yield shelf
    await embedder.close()


@pytest.fixture
def originals() -> FakeOriginals:
    return FakeOriginals()


@pytest.fixture
async def corpus(shelf: Shelf, originals: FakeOriginals) -> AsyncIterator[EvaluationCorpus]:
    parsers = ParserPool(ParsingSettings())
    transactions = shelf.database.worker
    worker = Worker(
        transactions,
        {
            INGEST_DOCUMENT: IngestDocument(
                transactions, originals, parsers, shelf.pipeline, shelf.space, 32
            ),
            PURGE_DOCUMENT: PurgeDocument(transactions, originals, shelf.space),
            PURGE_ORIGINAL: PurgeOriginal(transactions, originals),
        },
        IngestionSettings(),
    )
    intake = Intake(shelf.database.serving, originals)
    yield EvaluationCorpus(shelf.database.serving, intake, worker)
    await parsers.close()


@pytest.fixture
def answers(shelf: Shelf) -> AnswerService:
    return make_answers(shelf, AnswerSettings())


@pytest.fixture
def evaluator(corpus: EvaluationCorpus, shelf: Shelf, answers: AnswerService) -> Evaluator:
    return Evaluator(corpus, make_search(shelf), answers)


async def test_our_own_questions_are_found_and_answered(
    evaluator: Evaluator, shelf: Shelf, originals: FakeOriginals
) -> None:
    stages: dict[str, tuple[int, int]] = {}
    dataset = load_dataset(FERRIES)
    hybrid, plain, lexical = await evaluator.run(
        await shelf.principal(),
        dataset,
        arms=("hybrid", "plain", "lexical"),
        progress=lambda stage, done, total: stages.update({stage: (done, total)}),
    )
    figures = hybrid.as_json()
    assert (hybrid.queries, hybrid.documents, hybrid.failed) == (43, 40, 0)
    assert hybrid.mean("ndcg@10") >= 0.95, figures
    assert hybrid.mean("recall@100") == 1.0
    assert hybrid.mean("answer@3") >= 0.9, figures
    assert hybrid.mean("answer_in_top@3") >= 0.95, figures
    assert lexical.mean("ndcg@10") >= 0.8, lexical.as_json()
    assert plain.mean("ndcg@10") >= 0.9, plain.as_json()
    assert [each.as_json()["mode"] for each in (hybrid, plain)] == ["hybrid", "plain"]
    assert figures.keys() >= {
        "ndcg@10", "recall@10", "recall@100", "mrr@10", "queries", "answer@3",
        "answer_in_top@3",
    }  # fmt: skip
    assert stages["ingest"] == (40, 40)
    assert originals.files == {}
    async with shelf.database.owner.connect() as connection:
        left = await connection.execute(
            text("select (select count(*) from chunk) + (select count(*) from collection)")
        )
        assert left.scalar_one() == 0


@pytest.mark.parametrize(
    ("name", "silence"),
    [("faehren", "Die Dokumente sagen dazu nichts."), ("duchuan", "文件中没有说明。")],
)
async def test_languages_that_the_model_does_not_know_lose_nothing_to_it(
    evaluator: Evaluator, corpus: EvaluationCorpus, answers: AnswerService, shelf: Shelf,
    name: str, silence: str,
) -> None:  # fmt: skip
    dataset, principal = load_dataset(DATA / name), await shelf.principal()
    hybrid, lexical = await evaluator.run(principal, dataset, arms=("hybrid", "lexical"))
    assert hybrid.mean("ndcg@10") >= lexical.mean("ndcg@10") - 0.001
    assert hybrid.mean("answer_in_top@3") == 1.0
    assert hybrid.mean("answer@3") >= 0.9
    unanswerable = [query.text for query in dataset.queries if query.id not in dataset.relevant]
    async with corpus.filled(principal, dataset.documents, lambda *_: None) as filled:
        for question in unanswerable:
            request = AnswerRequest(question=question, collections=[filled.collection_id])
            answer = await answers.answer(principal, request)
            assert (answer.mode, answer.text) == ("none", silence)


async def test_silence_is_kept_where_the_article_is_left_out(
    corpus: EvaluationCorpus, answers: AnswerService, shelf: Shelf
) -> None:
    point = AnswerSettings().abstain_below
    trial = AbstentionTrial(corpus, answers, point)
    report = await trial.run(await shelf.principal(), load_dataset(FERRIES), lambda *_: None)
    for asked in report.asked.values():
        assert [each.is_answerable for each in asked].count(True) == len(asked) // 2
    found = OperatingPoint(point, [*report.asked["tune"], *report.asked["report"]]).figures()
    assert found["recall"].mean >= 0.9, found
    assert found["silence_recall"].mean >= 0.85, found


async def test_silence_cannot_be_measured_without_articles(
    corpus: EvaluationCorpus, answers: AnswerService, shelf: Shelf
) -> None:
    whole = load_dataset(FERRIES)
    nameless = [each.model_copy(update={"title": ""}) for each in whole.documents]
    trial = AbstentionTrial(corpus, answers, 0.5)
    dataset = Dataset(nameless, whole.queries, whole.relevant)
    with pytest.raises(InvalidDatasetError, match="several articles"):
        await trial.run(await shelf.principal(), dataset, lambda *_: None)
