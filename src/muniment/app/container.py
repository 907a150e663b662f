"""The composition root: the objects of a process, made once, in the order of their needs.

Three layers: what both halves share (`Shared`: model, files), what answers requests (`Serving`)
and what runs jobs (`open_worker`). Nothing that serves holds the worker's connections.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from muniment.answers.service import AnswerService
from muniment.api_keys.repository import purge_ended_keys
from muniment.app.database import ensure_walls
from muniment.app.local_mode import refuse_open_local_mode
from muniment.app.settings import Settings
from muniment.app.sign_in import SignIn, open_sign_in
from muniment.app.unsafe import refuse_unsafe
from muniment.app.unsupported import refuse_unsupported
from muniment.audit.repository import purge_audit
from muniment.identity.erasures import longest_token_life, purge_erasures
from muniment.identity.idempotency import IdempotencyStore, purge_expired
from muniment.index.language import LanguageDetector
from muniment.index.lexical import LexicalModel
from muniment.index.pgvector import PgVectorStore
from muniment.index.spaces import find_space
from muniment.index.tasks import CleanPostings, FoldPostings, plan_cleaning, plan_folds
from muniment.index.terms import TermAnalyzer
from muniment.ingestion.abandoned import sweep_abandoned
from muniment.ingestion.chores import Chore
from muniment.ingestion.orphans import OrphanScan
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.pipeline import Pipeline
from muniment.ingestion.tasks import CountWords, IngestDocument, PurgeDocument, PurgeOriginal
from muniment.ingestion.worker import JobKind, Worker
from muniment.kit.clock import Clock, SystemClock
from muniment.kit.egress.client import EgressClient
from muniment.kit.plugins import load_plugin
from muniment.library.service.admission import Admission
from muniment.library.service.contents import ContentService
from muniment.library.service.intake import Intake
from muniment.library.service.progress import ProgressService
from muniment.library.service.rule_check import RuleCheck
from muniment.library.service.uploads import UploadService
from muniment.oversight.refusals import COUNTER_KEY
from muniment.ports.embedding import EMBEDDERS, Embedder
from muniment.ports.jobs import (
    CLEAN_POSTINGS,
    COUNT_WORDS,
    FETCH_SOURCE,
    FOLD_POSTINGS,
    INGEST_DOCUMENT,
    PURGE_DOCUMENT,
    PURGE_ORIGINAL,
)
from muniment.ports.originals import ORIGINALS, Originals
from muniment.ports.vectors import VectorStore
from muniment.postgres.engine import DatabaseUrls, create_engine, role_name
from muniment.postgres.migrator import ensure_current, schema_revision
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.roles import ensure_roles
from muniment.postgres.unit_of_work import Transactions
from muniment.retrieval.query_vectors import QueryVectors
from muniment.retrieval.service import SearchService
from muniment.revocation.repository import purge_revocations
from muniment.sessions.repository import purge_sessions
from muniment.sources.owner import Owners
from muniment.sources.tasks import FetchSource, plan_fetches


@dataclass(frozen=True, slots=True)
class Shared:
    """What both halves of the product use: the model, the stored files, and what reads words."""

    settings: Settings
    clock: Clock
    embedder: Embedder
    originals: Originals
    detector: LanguageDetector
    lexical: LexicalModel


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers requests."""

    shared: Shared
    urls: DatabaseUrls
    transactions: Transactions
    sign_in: SignIn
    idempotency: IdempotencyStore
    intake: Intake
    uploads: UploadService
    admission: Admission
    egress: EgressClient
    search: SearchService
    answers: AnswerService

    def state(self) -> Mapping[str, object]:
        """Name the objects that requests read from their state (`kit.state.from_state`)."""
        shared = self.shared
        return {
            "authenticator": self.sign_in.authenticator,
            COUNTER_KEY: self.sign_in.counter,
            "back_channel": self.sign_in.back_channel,
            "cookies": self.sign_in.browsers.cookies,
            "own_sessions": self.sign_in.browsers.own,
            "sign_in_service": self.sign_in.browsers.service,
            "local_sign_in": self.sign_in.browsers.local,
            "transactions": self.transactions,
            "identity": shared.settings.identity,
            "idempotency": self.idempotency,
            "uploads": self.uploads,
            "admission": self.admission,
            "egress": self.egress,
            "contents": ContentService(self.transactions, shared.originals, shared.clock),
            "progress": ProgressService(self.transactions, shared.clock, shared.settings.events),
            "search_service": self.search,
            "answer_service": self.answers,
        }


@dataclass(frozen=True, slots=True)
class Working:
    """What runs jobs."""

    worker: Worker
    parsers: ParserPool


@asynccontextmanager
async def open_shared(settings: Settings) -> AsyncIterator[Shared]:
    """Load the model's plug-in and open the store of originals."""
    name = settings.embedding.space
    embedder = load_plugin(EMBEDDERS, name, settings.embedding.plugin_settings(name))
    folder = settings.data_dir / "originals"
    try:
        yield Shared(
            settings=settings,
            clock=SystemClock(),
            embedder=embedder,
            originals=load_plugin(ORIGINALS, "filesystem", {"root": str(folder)}),
            detector=LanguageDetector(),
            lexical=LexicalModel(TermAnalyzer()),
        )
    finally:
        await embedder.close()


@asynccontextmanager
async def open_serving(shared: Shared, urls: DatabaseUrls) -> AsyncIterator[Serving]:
    """Connect as the serving role and make what answers requests."""
    settings = shared.settings
    refuse_open_local_mode(settings)
    async with AsyncExitStack() as stack:
        engine = create_engine(urls.serving, settings.database, application="muniment-serve")
        stack.push_async_callback(engine.dispose)
        await _ensure_fit(engine, urls, worker=role_name(urls.worker))
        transactions = Transactions(engine)
        reads = await stack.enter_async_context(PreparedReads(urls.serving, settings.database))
        sign_in = await stack.enter_async_context(
            open_sign_in(settings, shared.clock, urls, reads, transactions)
        )
        idempotency = IdempotencyStore(transactions)
        intake = Intake(transactions, shared.originals)
        search = await _search_service(shared, transactions)
        admission = _admission(shared)
        yield Serving(
            shared=shared,
            urls=urls,
            transactions=transactions,
            sign_in=sign_in,
            idempotency=idempotency,
            intake=intake,
            uploads=UploadService(
                transactions,
                intake,
                admission,
                idempotency,
                settings.uploads,
                settings.limits,
                await _media_types(settings),
                RuleCheck.by(settings.identity),
            ),
            admission=admission,
            egress=EgressClient(settings.egress),
            search=search,
            answers=AnswerService(
                transactions, search, shared.embedder, shared.lexical, settings.answers
            ),
        )


@asynccontextmanager
async def open_worker(shared: Shared, urls: DatabaseUrls) -> AsyncIterator[Working]:
    """Connect as the worker role and make what runs jobs."""
    settings = shared.settings
    refuse_unsupported(settings)
    refuse_unsafe(settings)
    async with AsyncExitStack() as stack:
        size = 2 * settings.ingestion.concurrency + 1
        engine = create_engine(
            urls.worker, settings.database, application="muniment-worker", pool_size=size
        )
        stack.push_async_callback(engine.dispose)
        await _ensure_fit(engine, urls)
        transactions = Transactions(engine)
        async with transactions.begin(None) as session:
            space = await find_space(session, shared.embedder.identity)
        await shared.embedder.prepare()
        parsers = ParserPool(settings.parsing)
        stack.push_async_callback(parsers.close)
        pipeline = Pipeline(
            shared.embedder,
            shared.detector,
            shared.lexical,
            settings.chunking,
            keeps_states=settings.embedding.word_states,
        )
        batch = settings.ingestion.embedding_batch
        originals = shared.originals
        kinds: dict[str, JobKind] = {
            INGEST_DOCUMENT: IngestDocument(
                transactions, originals, parsers, pipeline, space, batch
            ),
            COUNT_WORDS: CountWords(transactions),
            PURGE_DOCUMENT: PurgeDocument(transactions, originals, space),
            PURGE_ORIGINAL: PurgeOriginal(transactions, originals),
            FETCH_SOURCE: _fetch_source(shared, transactions, parsers),
            FOLD_POSTINGS: FoldPostings(transactions),
            CLEAN_POSTINGS: CleanPostings(transactions),
        }
        chores = _chores(transactions, shared)
        worker = Worker(transactions, kinds, settings.ingestion, chores=chores)
        yield Working(worker, parsers)


def _admission(shared: Shared) -> Admission:
    settings = shared.settings
    return Admission(shared.originals, settings.limits, settings.uploads.min_free_bytes)


def _fetch_source(shared: Shared, transactions: Transactions, parsers: ParserPool) -> FetchSource:
    settings = shared.settings

    async def media_types() -> Sequence[str]:
        return (await parsers.offer()).media_types

    return FetchSource(
        transactions,
        Intake(transactions, shared.originals),
        EgressClient(settings.egress),
        Owners(settings.identity, shared.clock),
        _admission(shared),
        settings.limits,
        settings.uploads.max_bytes,
        media_types,
    )


def _chores(transactions: Transactions, shared: Shared) -> list[Chore]:
    settings = shared.settings
    scan = OrphanScan(transactions, shared.originals, settings.uploads.abandoned_after)
    purge = partial(purge_expired, transactions)
    sweep = partial(sweep_abandoned, transactions, settings.uploads.abandoned_after)
    kept_for = longest_token_life(settings.identity)
    forget = partial(purge_erasures, transactions, kept_for)
    keys = partial(purge_ended_keys, transactions)
    let_go = partial(purge_revocations, transactions, kept_for)
    tidy = partial(purge_audit, transactions, settings.audit.keep_for)
    return [
        Chore("purge_audit", timedelta(hours=1), tidy),
        Chore("purge_idempotency_keys", timedelta(hours=1), purge),
        Chore("purge_erasures", timedelta(hours=1), forget),
        Chore("purge_ended_keys", timedelta(hours=1), keys),
        Chore("purge_revocations", timedelta(hours=1), let_go),
        Chore("purge_sessions", timedelta(hours=1), partial(purge_sessions, transactions)),
        Chore("sweep_abandoned_originals", timedelta(hours=1), sweep),
        Chore("watch_orphans", timedelta(days=1), scan.watch, at_once=False),
        Chore("plan_fetches", timedelta(seconds=10), partial(plan_fetches, transactions)),
        Chore("plan_folds", timedelta(seconds=30), partial(plan_folds, transactions)),
        Chore("plan_cleaning", timedelta(hours=1), partial(plan_cleaning, transactions)),
    ]


async def _ensure_fit(engine: AsyncEngine, urls: DatabaseUrls, worker: str | None = None) -> None:
    """Refuse another schema, a role that walls do not bind, and walls that are not for it."""
    async with engine.connect() as connection:
        ensure_current(await schema_revision(connection))
        await ensure_roles(connection, worker=worker)
        await ensure_walls(connection, urls)


async def _media_types(settings: Settings) -> Sequence[str]:
    """Ask the installed parsers what they read; they are loaded in a child, never in here."""
    parsers = ParserPool(settings.parsing)
    try:
        return (await parsers.offer()).media_types
    finally:
        await parsers.close()


async def _search_service(shared: Shared, transactions: Transactions) -> SearchService:
    async with transactions.begin(None) as session:
        space = await find_space(session, shared.embedder.identity)
    settings = shared.settings.search

    def store_of(session: AsyncSession) -> VectorStore:
        return PgVectorStore(session, space, settings.arms)

    vectors = QueryVectors(shared.embedder, settings.query_cache)
    return SearchService(transactions, store_of, vectors, shared.detector, shared.lexical, settings)
