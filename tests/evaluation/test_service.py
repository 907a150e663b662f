"""The small data set of our own through the whole product path, with the model that ships."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from muniment.adapters.embedders.minilm import PLUGIN
from muniment.answers.service import AnswerService
from muniment.answers.settings import AnswerSettings
from muniment.evaluation.corpus import EvaluationCorpus
from muniment.evaluation.dataset import load_dataset
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
from tests.support.searching import make_search, open_shelf
from tests.support.shelf import Shelf

FERRIES = Path(__file__).parent / "data" / "ferries"


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
async def evaluator(shelf: Shelf, originals: FakeOriginals) -> AsyncIterator[Evaluator]:
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
    search = make_search(shelf)
    answers = AnswerService(
        shelf.database.serving, search, shelf.embedder, shelf.lexical, AnswerSettings()
    )
    intake = Intake(shelf.database.serving, originals)
    yield Evaluator(EvaluationCorpus(shelf.database.serving, intake, worker), search, answers)
    await parsers.close()


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
