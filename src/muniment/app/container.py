"""The composition root: the objects of a process, made once, in the order of their needs.

Three layers: what both halves share (`Shared`: model, files), what answers requests (`Serving`)
and what runs jobs (`open_worker`). Nothing that serves holds the worker's connections.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from muniment.app.settings import Settings
from muniment.identity.authentication import Authenticator
from muniment.identity.issuers import TrustedIssuers
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.repository import AccountRepository
from muniment.identity.token_cache import TokenCache
from muniment.identity.verifier import TokenVerifier
from muniment.index.language import LanguageDetector
from muniment.index.lexical import LexicalModel
from muniment.index.spaces import EmbeddingSpaceRef, find_space
from muniment.index.terms import TermAnalyzer
from muniment.ingestion.parsing.pool import ParserPool
from muniment.ingestion.pipeline import Pipeline
from muniment.ingestion.tasks import IngestDocument, PurgeDocument, PurgeOriginal
from muniment.ingestion.worker import JobKind, Worker
from muniment.kit.clock import Clock, SystemClock
from muniment.kit.errors import ConfigurationError
from muniment.kit.plugins import PluginGroup, load_plugin
from muniment.ports.embedding import Embedder
from muniment.ports.jobs import INGEST_DOCUMENT, PURGE_DOCUMENT, PURGE_ORIGINAL
from muniment.ports.originals import Originals
from muniment.postgres.engine import DatabaseUrls, create_engine
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Transactions

EMBEDDERS = PluginGroup[Embedder]("muniment.embedders", "embedding")
ORIGINALS = PluginGroup[Originals]("muniment.originals", "originals")


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
    transactions: Transactions
    authenticator: Authenticator
    local_issuer: LocalIssuer
    space: EmbeddingSpaceRef

    def state(self) -> Mapping[str, object]:
        """Name the objects that requests read from their state (`kit.state.from_state`)."""
        return {"authenticator": self.authenticator, "transactions": self.transactions}


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
    async with AsyncExitStack() as stack:
        engine = create_engine(urls.serving, settings.database, application="muniment-serve")
        stack.push_async_callback(engine.dispose)
        transactions = Transactions(engine)
        reads = await stack.enter_async_context(PreparedReads(urls.serving, settings.database))
        async with transactions.begin(None) as session:
            space = await find_space(session, shared.embedder.identity)
        issuer = await load_local_issuer(settings, shared.clock)
        yield Serving(
            shared=shared,
            transactions=transactions,
            authenticator=_authenticator(shared, issuer, AccountRepository(reads, transactions)),
            local_issuer=issuer,
            space=space,
        )


@asynccontextmanager
async def open_worker(shared: Shared, urls: DatabaseUrls) -> AsyncIterator[Worker]:
    """Connect as the worker role and make what runs jobs."""
    settings = shared.settings
    async with AsyncExitStack() as stack:
        size = 2 * settings.ingestion.concurrency + 1
        engine = create_engine(
            urls.worker, settings.database, application="muniment-worker", pool_size=size
        )
        stack.push_async_callback(engine.dispose)
        transactions = Transactions(engine)
        async with transactions.begin(None) as session:
            space = await find_space(session, shared.embedder.identity)
        parsers = ParserPool(settings.parsing)
        stack.push_async_callback(parsers.close)
        pipeline = Pipeline(shared.embedder, shared.detector, shared.lexical, settings.chunking)
        batch = settings.ingestion.embedding_batch
        originals = shared.originals
        kinds: dict[str, JobKind] = {
            INGEST_DOCUMENT: IngestDocument(
                transactions, originals, parsers, pipeline, space, batch
            ),
            PURGE_DOCUMENT: PurgeDocument(transactions, originals, space),
            PURGE_ORIGINAL: PurgeOriginal(transactions, originals),
        }
        yield Worker(transactions, kinds, settings.ingestion)


async def load_local_issuer(settings: Settings, clock: Clock) -> LocalIssuer:
    """Take the built-in issuer's key from the data directory. Raises ConfigurationError.

    Local mode has no other proof of who is asking than access to this machine, so it listens on
    the loopback alone.
    """
    if not settings.is_local_mode:
        raise ConfigurationError(
            "The keys of [[identity.issuers]] cannot be fetched by this version.",
            hint="Remove the issuers to run in local mode; sign-on through a provider comes next.",
        )
    if not settings.server.is_loopback:
        raise ConfigurationError(
            f"Local mode listens on the loopback only, and server.host is {settings.server.host}.",
            hint="Set server.host to 127.0.0.1, or configure an issuer under [[identity.issuers]].",
        )
    return await asyncio.to_thread(
        LocalIssuer.load_or_create, settings.data_dir / "keys", settings.identity, clock
    )


def _authenticator(
    shared: Shared, issuer: LocalIssuer, accounts: AccountRepository
) -> Authenticator:
    identity = shared.settings.identity
    issuers = TrustedIssuers([issuer.trusted()])
    return Authenticator(
        verifier=TokenVerifier(issuers, shared.clock),
        issuers=issuers,
        cache=TokenCache(identity.token_cache_size, shared.clock),
        accounts=accounts,
        settings=identity,
    )
