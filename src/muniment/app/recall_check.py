"""The part of `doctor` that asks whether the indexes find enough, on the data that is there."""

from muniment.app.settings import Settings
from muniment.index.pgvector import PgVectorStore
from muniment.index.recall import (
    BEST,
    ENOUGH,
    Arm,
    Measured,
    largest_places,
    measure_recall,
    sample_questions,
)
from muniment.index.spaces import EmbeddingSpaceRef, find_space
from muniment.kit.errors import ConfigurationError
from muniment.kit.plugins import load_plugin
from muniment.ports.embedding import EMBEDDERS
from muniment.postgres.engine import DatabaseUrls, create_engine
from muniment.postgres.unit_of_work import Transactions

_QUESTIONS = 20
_COLLECTIONS = 2


async def check_recall(settings: Settings, urls: DatabaseUrls) -> None:
    """Measure both arms as the owner of the tables. Raises ConfigurationError when one is low."""
    name = settings.embedding.space
    embedder = load_plugin(EMBEDDERS, name, settings.embedding.plugin_settings(name))
    engine = create_engine(urls.owner, settings.database, application="muniment-doctor")
    try:
        transactions = Transactions(engine)
        async with transactions.begin(None) as session:
            space = await find_space(session, embedder.identity)
        judge_recall(await measure_all(transactions, space, settings), settings.vectors.index)
    finally:
        await engine.dispose()
        await embedder.close()


async def measure_all(
    transactions: Transactions, space: EmbeddingSpaceRef, settings: Settings
) -> list[Measured]:
    """Measure the largest tenant, whole and in its largest collections.

    Small ones are compared chunk by chunk at every search and have nothing to be measured.
    """
    arms = settings.search.arms
    async with transactions.begin(None) as session:
        places = await largest_places(session, _COLLECTIONS)
    measured: list[Measured] = []
    for place in places:
        if place.chunks <= min(arms.exact_chunks, arms.exact_documents):
            continue
        async with transactions.begin(None) as session:
            questions = await sample_questions(session, space, place, _QUESTIONS)
            store = PgVectorStore(session, space, arms)
            measured += await measure_recall(store, place, questions)
    return measured


def judge_recall(measured: list[Measured], index: str) -> None:
    """Say of the worst figure what to do about it. Raises ConfigurationError."""
    if not measured:
        return
    worst = min(measured, key=lambda one: one.recall)
    if worst.recall >= ENOUGH:
        return
    place = worst.place
    where = (
        f"tenant {place.tenant_id}"
        if place.collection_id is None
        else f"collection {place.collection_id}"
    )
    by = {"lexical": "words", "dense": "meaning"}[worst.arm]
    raise ConfigurationError(
        f"Searches by {by} find {BEST * worst.recall:.1f} of the {BEST} best passages in {where}"
        f" ({place.chunks} chunks), and {BEST * ENOUGH:.1f} were promised.",
        hint=_advice(worst.arm, index),
    )


def _advice(arm: Arm, index: str) -> str:
    if arm == "lexical":
        return (
            "Raise search.arms.exact_chunks above the number of chunks, so that all are compared,"
            " and report it: the packed postings should find them."
        )
    if index == "hnsw":
        return (
            'Raise search.arms.effort; if that does not help, set vectors.index to "ivfflat" and'
            " run `muniment migrate`."
        )
    return (
        "Run `muniment migrate --rebuild-index`, which fits the lists to the data of today; if that"
        " does not help, raise search.arms.probes."
    )
